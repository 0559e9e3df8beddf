// A call's arguments → what is asked of an MCP server.
import type { ArgumentError } from "#libs/functions/schema.ts";
import type { McpDestination, McpMethod, McpTransport } from "./mcp-transport.ts";
import { headerText, parameterFields } from "./parameter-headers.ts";

type Arguments = Readonly<Record<string, unknown>>;

/** A request as far as arguments decide about it. Plain data. */
export interface McpMessage {
	readonly method: McpMethod;
	readonly params: Readonly<Record<string, unknown>>;
	/** Headers that say again what the parameters say, for revisions that have them; lower-case names. */
	readonly fields: readonly (readonly [name: string, value: string])[];
}

/** What servers commonly take of one header. */
const fieldBytesMax = 8 * 1024;

export function messageOf(transport: McpTransport, args: Arguments): McpMessage {
	const { method, asks } = transport;
	const { own, inputs } = asks ? parted(args) : { own: args, inputs: {} };
	if (method === "tools/call") {
		const { tool: name, parameters } = transport;
		return { method, params: { name, arguments: own, ...inputs }, fields: [...named(name), ...parameterFields(parameters, own)] };
	}
	const subject = method === "resources/read" ? args.uri : method === "prompts/get" ? args.name : undefined;
	return { method, params: args, fields: named(subject) };
}

/** Answers to what the server asked stand beside the arguments, not among them. */
function parted({ inputResponses, requestState, ...own }: Arguments): { readonly own: Arguments; readonly inputs: Arguments } {
	const inputs = { ...(inputResponses !== undefined && { inputResponses }), ...(requestState !== undefined && { requestState }) };
	return { own, inputs };
}

function named(subject: unknown): [string, string][] {
	return typeof subject === "string" ? [["mcp-name", headerText(subject)]] : [];
}

/** Each character of a JSON text is at most so many bytes of UTF-8. */
const bytesOfCharMax = 3;

/**
 * Why arguments are more than is sent to a server; undefined where they are not.
 * @param charsMax what the arguments have as JSON text, if that is known
 */
export function whyNoMessage(
	transport: McpTransport,
	args: Arguments,
	to?: Pick<McpDestination, "limits">,
	charsMax = Number.POSITIVE_INFINITY,
): { readonly errors: readonly ArgumentError[]; readonly tooLarge?: "invalid_arguments" | "body_too_large" } | undefined {
	const long = messageOf(transport, args).fields.find(([, value]) => value.length > fieldBytesMax);
	if (long) {
		const message = `expected arguments of which each that is sent in a header takes at most ${fieldBytesMax} bytes there`;
		return { errors: [{ pointer: "", message }], tooLarge: "invalid_arguments" };
	}
	const max = to?.limits.requestBodyBytesMax;
	if (max === undefined || charsMax * bytesOfCharMax <= max) return undefined;
	const bytes = Buffer.byteLength(JSON.stringify(args));
	if (bytes <= max) return undefined;
	return {
		errors: [{ pointer: "", message: `the function's arguments may have ${max} bytes, found ${bytes}` }],
		tooLarge: "body_too_large",
	};
}
