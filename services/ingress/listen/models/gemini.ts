// Gemini's API: https://ai.google.dev/api/caching#FunctionCall and FunctionResponse.
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { type ModelFormat, malformed, partsOf, type Told, textIn } from "./format.ts";

export const gemini: ModelFormat = {
	via: "gemini",
	path: "/v1/gemini/function-calls",
	takes: "the model's content, as it stands in `candidates[0].content`",
	read(body) {
		if (!isJsonObject(body) || body.role !== "model") throw malformed(`expected ${gemini.takes}`);
		return partsOf(body.parts, "`parts` to be a list", (part) => isJsonObject(part.functionCall)).map(({ functionCall }) => {
			const called = functionCall as JsonObject;
			const args = called.args ?? {};
			if (!isJsonObject(args)) throw malformed("the `args` of a function call are not an object");
			return { id: called.id === undefined ? undefined : textIn(called, "id"), name: textIn(called, "name"), arguments: { value: args } };
		});
	},
	write(told) {
		const parts = told.map((one) => ({ functionResponse: functionResponse(one) }));
		return { contents: parts.length === 0 ? [] : [{ role: "user", parts }] };
	},
};

/** Its `response` is an object: by the API's own words `output` is what came of the function, `error` what went wrong. */
function functionResponse({ toolCall: { id, name }, kind, text }: Told): JsonObject {
	const response = kind === "failed" ? readable(text) : { output: readable(text) };
	return { ...(id !== undefined && { id }), name, response };
}

/** Numbers become doubles on the way to the model: a text in which one has more digits than that stays the text. */
function readable(text: string): JsonValue {
	if (/\d{16}/.test(text)) return text;
	try {
		return JSON.parse(text) as JsonValue;
	} catch {
		return text;
	}
}
