// What Callgate says of itself to a client of MCP: the capabilities of the connections that this caller may use, and no others.
import type { Configuration } from "#libs/configuration/configuration.ts";
import { modern, tasksExtension } from "../read-mcp.ts";
import { isChangeable } from "./lists-seen.ts";
import { type Asking, connectionsWith } from "./meant.ts";

/** Beside tools, which are everywhere. */
const optional = [
	["resources", "resources/read"],
	["prompts", "prompts/get"],
	["completions", "completion/complete"],
] as const;

/** @param revision in which the client is spoken to */
export function capabilitiesOf(configuration: Configuration, asking: Asking, revision: string): object {
	const there = optional.filter(([, method]) => connectionsWith(configuration, method, asking).length > 0);
	const logs = saysMeanwhile(configuration, asking) ? { logging: {} } : {};
	const changes = (capability: string) => (revision === modern && isChangeable(capability) ? { listChanged: true } : {});
	const named = ["tools", ...there.map(([capability]) => capability)].map((capability) => [capability, changes(capability)]);
	return { ...Object.fromEntries(named), ...logs, ...tasksOf(revision) };
}

/** Whether some function here may say something before its answer. */
function saysMeanwhile(configuration: Configuration, { only }: Asking): boolean {
	const connections = only === undefined ? configuration.connections : [configuration.connection(only)];
	return connections.some((one) => one?.transport.protocol === "mcp" && one.functions.some(({ streams }) => streams));
}

function tasksOf(revision: string): object {
	switch (revision) {
		case modern:
			return { extensions: { [tasksExtension]: {} } };
		case "2025-11-25":
			return { tasks: { cancel: {}, requests: { tools: { call: {} } } } };
		default:
			return {};
	}
}
