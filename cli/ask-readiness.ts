// Asks one process how it stands: `/readyz`, which needs no token and holds no secret. What answers may be anything, so nothing of it is believed unread.

/** What a process says of itself; members that it does not say are undefined. */
export interface Readiness {
	/** `ingress`, or `executor 2` where there are several. */
	readonly process: string;
	readonly url: string;
	/** Why there is no answer of Callgate's. */
	readonly unreachable?: string;
	readonly isReady?: boolean;
	/** By name: `ok`, or the reason why not. */
	readonly checks?: Readonly<Record<string, string>>;
	/** By name: what to look at although it does its work. */
	readonly warnings?: Readonly<Record<string, string>>;
	/** How far its clock is ahead of this machine's. */
	readonly clockAheadMs?: number;
	readonly durability?: Durability;
}

/** As far as it is understood: see `durability` in libs/service/guard-stream.ts and the services that add to it. */
export interface Durability {
	readonly syncInterval?: unknown;
	readonly stream?: Readonly<Record<string, unknown>>;
	readonly consumer?: Readonly<Record<string, unknown>>;
	readonly redis?: Readonly<Record<string, unknown>>;
	readonly index?: Readonly<Record<string, unknown>>;
}

const bytesMax = 65_536;
const timeoutMs = 10_000;

export async function askReadiness(process: string, url: string): Promise<Readiness> {
	const begun = Date.now();
	try {
		const answer = await fetch(`${url.replace(/\/$/, "")}/readyz`, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
		const text = await readBounded(answer);
		const halfway = (begun + Date.now()) / 2;
		const body = objectOf(JSON.parse(text));
		const checks = body && objectOf(body.checks);
		const warnings = body && objectOf(body.warnings);
		if (!checks || typeof body.status !== "string") return { process, url, unreachable: "what answers there is not Callgate" };
		const date = Date.parse(answer.headers.get("date") ?? "");
		const durability = objectOf(body.durability);
		return {
			...{ process, url, isReady: answer.status === 200 },
			checks: textsOf(checks),
			...(warnings && { warnings: textsOf(warnings) }),
			// The header has whole seconds: half of one is the best guess.
			...(!Number.isNaN(date) && { clockAheadMs: date + 500 - halfway }),
			...(durability && { durability: durabilityOf(durability) }),
		};
	} catch (error) {
		return { process, url, unreachable: error instanceof SyntaxError ? "what answers there is not Callgate" : "nobody answers" };
	}
}

async function readBounded(answer: Response): Promise<string> {
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of answer.body ?? []) {
		bytes += chunk.length;
		if (bytes > bytesMax) throw new SyntaxError("more than a readiness");
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

function durabilityOf({ syncInterval, ...rest }: Readonly<Record<string, unknown>>): Durability {
	const members = ["stream", "consumer", "redis", "index"].flatMap((name) => {
		const member = objectOf(rest[name]);
		return member ? [[name, member]] : [];
	});
	return { syncInterval, ...Object.fromEntries(members) };
}

function textsOf(members: Readonly<Record<string, unknown>>): Record<string, string> {
	return Object.fromEntries(Object.entries(members).map(([name, text]) => [name, String(text)]));
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}
