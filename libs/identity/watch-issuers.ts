// Whether the issuers in force can be asked for their keys: looked at by whoever asks how a process stands, not when the first caller is refused.
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { type IssuerKeys, IssuerUnavailable, issuerKeys } from "./issuer-keys.ts";

/** How long an answer about readiness waits for issuers; one that takes longer is told of as not having answered yet. */
const patienceMsDefault = 500;
/** An issuer that is away is not asked again within this. */
const restMs = 2_000;

/** A function that tells what is wrong now, by `issuer NAME`. Keys that are in hand are not asked for again until they are old. */
export function watchIssuers(issuers: readonly Issuer[], patienceMs = patienceMsDefault): () => Promise<Readonly<Record<string, string>>> {
	const watched = issuers.map((issuer) => new WatchedIssuer(issuer));
	return async () => {
		const impatience = Promise.withResolvers<void>();
		const timer = setTimeout(impatience.resolve, patienceMs);
		await Promise.race([Promise.all(watched.map((one) => one.look())), impatience.promise]);
		clearTimeout(timer);
		return Object.fromEntries(watched.flatMap(({ name, fault }) => (fault === undefined ? [] : [[`issuer ${name}`, fault]])));
	};
}

class WatchedIssuer {
	readonly name: string;
	fault: string | undefined = "has not answered yet";
	private readonly keys: IssuerKeys;
	private readonly algorithm: string;
	private asking: Promise<void> | undefined;
	private failedAtMs = Number.NEGATIVE_INFINITY;

	constructor(issuer: Issuer) {
		this.name = issuer.name;
		this.keys = issuerKeys(issuer);
		this.algorithm = issuer.algorithms[0] ?? "";
	}

	/** One question at a time. Never rejects. */
	look(): Promise<void> {
		if (performance.now() - this.failedAtMs < restMs) return Promise.resolve();
		this.asking ??= this.ask().finally(() => {
			this.asking = undefined;
		});
		return this.asking;
	}

	private async ask(): Promise<void> {
		try {
			// As a token that names no key would. Whether there is such a key is not the question.
			await this.keys.find({ alg: this.algorithm }, { payload: "", signature: "" });
			this.fault = undefined;
		} catch (error) {
			const isAway = error instanceof IssuerUnavailable;
			this.fault = isAway ? `its keys cannot be had, so its tokens are refused: ${error.message}` : undefined;
			if (isAway) this.failedAtMs = performance.now();
		}
	}
}
