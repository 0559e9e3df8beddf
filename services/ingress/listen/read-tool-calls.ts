// What a model wrote, read as calls of functions. A call that cannot be one is refused alone: the model is told, and its others run.
import type { Configuration } from "#libs/configuration/configuration.ts";
import { isJsonObject, type JsonObject, JsonRefused, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";
import { type ProblemCode, type ProblemDetails, Refusal } from "#libs/contracts/problems.ts";
import { parseBody } from "#libs/service/parse-body.ts";
import type { Meant } from "../accept-call.ts";
import { prepareNamed } from "../prepare-arguments.ts";
import { calledTool } from "../tool-names.ts";
import { type ModelFormat, type ToolCall, toolCallsIn } from "./models/format.ts";
import { modelFormats } from "./models/formats.ts";

export interface ReadToolCall {
	readonly toolCall: ToolCall;
	readonly meant: Meant | { readonly refused: { readonly code: ProblemCode; readonly details: ProblemDetails } };
}

/**
 * @param mean may make more of what is meant
 * @throws {Refusal} `malformed_request` where the body as a whole is not what the format takes
 */
export function readToolCalls(
	configuration: Configuration,
	format: ModelFormat,
	body: Uint8Array,
	mean: (meant: Meant & { readonly arguments: JsonObject }) => Meant = (meant) => meant,
): ReadToolCall[] {
	return toolCallsIn(format, parseBody(body) as JsonValue).map((toolCall) => {
		try {
			return { toolCall, meant: mean(calledTool(configuration, toolCall.name, argumentsOf(toolCall))) };
		} catch (error) {
			if (!(error instanceof Refusal)) throw error;
			const { code, details } = error;
			return { toolCall, meant: { refused: { code, details } } };
		}
	});
}

/** A large message: every call of it that can be one is prepared at once. */
export function readLargeToolCalls(
	configuration: Configuration,
	{ via, bytes }: { readonly via: string; readonly bytes: Uint8Array },
): ReadToolCall[] {
	const format = modelFormats.find((one) => one.via === via);
	if (!format) throw new Error(`no model's format is called ${via}`);
	return readToolCalls(configuration, format, bytes, (meant) => ({
		...meant,
		arguments: prepareNamed(configuration, meant, meant.arguments),
	}));
}

function argumentsOf({ arguments: given }: ToolCall): JsonObject {
	if ("value" in given) return given.value;
	try {
		const read = parseJsonStrictly(given.text);
		if (isJsonObject(read)) return read;
	} catch (error) {
		if (!(error instanceof JsonRefused)) throw error;
		throw new Refusal("invalid_arguments", { detail: `the arguments are not read: ${error.message} (near ${error.offset})` });
	}
	throw new Refusal("invalid_arguments", { detail: "the arguments are not an object" });
}
