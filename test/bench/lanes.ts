// The five ways a call can go, from nothing in between to everything: where each lane's calls are sent, and what it must have stopped.
import { ingressUrl } from "./addresses.ts";
import { callArguments } from "./configuration.ts";
import type { Target } from "./send-calls.ts";

export const laneNames = ["direct", "proxy", "floor", "callgate-unindexed", "callgate"] as const;
export type Lane = (typeof laneNames)[number];

export const laneTitles: Readonly<Record<Lane, string>> = {
	direct: "the bank, called directly",
	proxy: "an in-process HTTP proxy",
	floor: "floor: five bare processes",
	"callgate-unindexed": "Callgate, audit paused",
	callgate: "Callgate, complete",
};

export const isLane = (name: string): name is Lane => (laneNames as readonly string[]).includes(name);

export interface LanePlaces {
	readonly firstPort: number;
	readonly ports: { readonly bank: number; readonly proxy: number; readonly floor: number };
	readonly tokens: readonly string[];
}

const json = { "content-type": "application/json" };
/** Longer than any call of a bench takes: an answer that says "later" is a failure here. */
const waitSeconds = 55;

export function targetOf(lane: Lane, { firstPort, ports, tokens }: LanePlaces): Target {
	const [before, after] = callArguments;
	const plain = (port: number): Target => ({
		...{ origin: `http://127.0.0.1:${port}`, path: "/pay", headers: json, tokens: [], body: callArguments },
	});
	switch (lane) {
		case "direct":
			return plain(ports.bank);
		case "proxy":
			return plain(ports.proxy);
		case "floor":
			return plain(ports.floor);
		case "callgate-unindexed":
		case "callgate":
			return {
				...{ origin: ingressUrl(firstPort), path: "/v1/calls", tokens },
				headers: { ...json, prefer: `wait=${waitSeconds}` },
				body: [`{"connection":"bank","function":"pay","arguments":${before}`, `${after}}`],
			};
	}
}
