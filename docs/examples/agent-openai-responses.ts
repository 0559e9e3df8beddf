// An agent on OpenAI's Responses whose every function call goes through Callgate; it waits for the people who must approve one.
import type { Callgate } from "callgate/client";
import type OpenAI from "openai";

type Item = OpenAI.Responses.ResponseInputItem;

/** @returns the model's last words. */
export async function runAgent(openai: OpenAI, model: string, question: string, callgate: Callgate): Promise<string> {
	const tools = await callgate.tools<OpenAI.Responses.FunctionTool>("openai-responses");
	const input: Item[] = [{ role: "user", content: question }];
	for (;;) {
		const { output, output_text } = await openai.responses.create({ model, input, tools });
		if (!output.some(({ type }) => type === "function_call")) return output_text;
		input.push(...(output as Item[]), ...(await run(output)));
	}

	async function run(output: OpenAI.Responses.ResponseOutputItem[]): Promise<readonly Item[]> {
		for (;;) {
			const { append, calls } = await callgate.runToolCalls<Item>("openai-responses", output, { waitSeconds: 30 });
			// Somebody must approve: the same items again are the same calls.
			if (!calls.some(({ kind }) => kind === "pending")) return append;
		}
	}
}
