// Gets all servers at once, in parallel, and reports everything that is missing in one error instead of one at a time.
import type { Report } from "./cache.ts";
import { provideJava } from "./provide-java.ts";
import { provideNats } from "./provide-nats.ts";
import { provideOpenSearch } from "./provide-opensearch.ts";
import { provideValkey } from "./provide-valkey.ts";
import { SetupError } from "./setup-error.ts";

/** Where the servers are. */
export interface ProvidedServers {
	readonly natsBinary: string;
	readonly valkeyBinary: string;
	readonly javaHome: string;
	readonly openSearchHome: string;
}

/**
 * All four from the cache, downloaded first if need be (about 150 MB, once).
 * @throws SetupError with the words of every one that could not be had.
 */
export async function provideServers(report: Report): Promise<ProvidedServers> {
	const all = [provideNats(report), provideValkey(report), provideJava(report), provideOpenSearch(report)] as const;
	// All are waited for, also when one fails: what the others bring stays in the cache, and no download goes on behind an error message.
	const failures = (await Promise.allSettled(all)).filter((result) => result.status === "rejected").map(({ reason }) => reason as unknown);
	if (failures.length === 1) throw failures[0];
	if (failures.length > 1) throw joined(failures);
	const [nats, valkey, java, search] = await Promise.all(all);
	return { natsBinary: nats.binary, valkeyBinary: valkey.binary, javaHome: java.javaHome, openSearchHome: search.openSearchHome };
}

/** One error for several. Anything but a SetupError is a bug and goes first, as it is. */
function joined(failures: readonly unknown[]): unknown {
	const bug = failures.find((failure) => !(failure instanceof SetupError));
	if (bug !== undefined) return bug;
	const messages = failures.map((failure) => (failure instanceof SetupError ? failure.message : ""));
	return new SetupError(messages.join("\n\n"), { cause: new AggregateError(failures) });
}
