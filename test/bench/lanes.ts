// The ways a call can go, from nothing in between to everything: where each lane's calls are sent, and which of them need something special.
import { ingressUrl } from "./addresses.ts";
import { callArguments } from "./configuration.ts";
import type { Peer } from "./peer.ts";
import type { Target } from "./send-calls.ts";

export const laneNames = ["direct", "proxy", "peer", "floor", "callgate-unindexed", "callgate", "callgate-mcp", "callgate-two"] as const;
export type Lane = (typeof laneNames)[number];

export const laneTitles: Readonly<Record<Lane, string>> = {
	direct: "the bank, called directly",
	proxy: "an in-process HTTP proxy",
	peer: "the peer (--peer)",
	floor: "floor: five bare processes",
	"callgate-unindexed": "Callgate, audit paused",
	callgate: "Callgate, complete",
	"callgate-mcp": "Callgate, as an MCP tool",
	"callgate-two": "Callgate, two of each service",
};

export const isLane = (name: string): name is Lane => (laneNames as readonly string[]).includes(name);

/** Whether its calls go through Callgate's own processes. */
export const isCallgate = (lane: Lane): boolean => lane.startsWith("callgate");

export interface LanePlaces {
	readonly firstPort: number;
	readonly ports: { readonly bank: number; readonly proxy: number; readonly floor: number };
	readonly tokens: readonly string[];
	readonly peer: Peer | undefined;
}

const json = { "content-type": "application/json" };
/** Longer than any call of a bench takes: an answer that says "later" is a failure here. */
const waitSeconds = 55;

/** A tool call as a client of the revision 2026-07-28 makes it. */
const mcpHeaders = {
	...{ accept: "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28" },
	...{ "mcp-method": "tools/call", "mcp-name": "pay" },
};
const mcpMeta = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}';
const mcpCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","_meta":{${mcpMeta}},"arguments":`;

/** @throws {Error} for the peer's lane where there is no peer. */
export function targetOf(lane: Lane, { firstPort, ports, tokens, peer }: LanePlaces): Target {
	const [before, after] = callArguments;
	const bare = { path: "/pay", headers: json, tokens: [], body: callArguments, answersShown: true };
	const plain = (port: number): Target => ({ ...bare, origins: [`http://127.0.0.1:${port}`] });
	const callgate = (replicas: number): Target => ({
		origins: Array.from({ length: replicas }, (_, replica) => ingressUrl(firstPort, replica)),
		...{ path: "/v1/calls", tokens, headers: { ...json, prefer: `wait=${waitSeconds}` }, answersShown: true },
		body: [`{"connection":"bank","function":"pay","arguments":${before}`, `${after}}`],
	});
	switch (lane) {
		case "direct":
			return plain(ports.bank);
		case "proxy":
			return plain(ports.proxy);
		case "peer": {
			if (!peer) throw new Error("the peer's lane needs --peer");
			const { origin, pathname, search } = new URL(peer.url);
			const headers = { ...json, ...peer.headers };
			return { ...bare, origins: [origin], path: `${pathname}${search}`, headers, answersShown: Object.keys(peer.headers).length === 0 };
		}
		case "floor":
			return plain(ports.floor);
		case "callgate-unindexed":
		case "callgate":
			return callgate(1);
		case "callgate-mcp":
			return { ...callgate(1), path: "/mcp/bank", headers: { ...json, ...mcpHeaders }, body: [`${mcpCall}${before}`, `${after}}}`] };
		case "callgate-two":
			return callgate(2);
	}
}
