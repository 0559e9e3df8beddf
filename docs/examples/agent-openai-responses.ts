// An agent on OpenAI's Responses whose every function call goes through Callgate; it waits for the people who must approve one.
import { setTimeout as delay } from "node:timers/promises";
import type OpenAI from "openai";

/** @param callgate where ingress is, and the agent's token. @returns the model's last words. */
export async function runAgent(openai: OpenAI, model: string, question: string, callgate: { url: string; token: string }): Promise<string> {
	const authorization = `Bearer ${callgate.token}`;
	const listed = await fetch(`${callgate.url}/v1/functions?format=openai-responses`, { headers: { authorization } });
	const { tools } = (await listed.json()) as { tools: OpenAI.Responses.FunctionTool[] };
	const input: OpenAI.Responses.ResponseInputItem[] = [{ role: "user", content: question }];
	for (;;) {
		const { output, output_text } = await openai.responses.create({ model, input, tools });
		if (!output.some(({ type }) => type === "function_call")) return output_text;
		input.push(...(output as OpenAI.Responses.ResponseInputItem[]), ...(await run(output)));
	}

	async function run(output: OpenAI.Responses.ResponseOutputItem[]): Promise<OpenAI.Responses.ResponseInputItem[]> {
		const ran = await fetch(`${callgate.url}/v1/openai/responses/function-calls`, {
			method: "POST",
			headers: { authorization, "content-type": "application/json", prefer: "wait=30" },
			body: JSON.stringify(output),
		});
		if (!ran.ok) throw new Error(await ran.text());
		const { input: items } = (await ran.json()) as { input: OpenAI.Responses.ResponseInputItem[] };
		// Somebody must approve: the same items again are the same calls.
		if (!items.some(({ type }) => type === "mcp_approval_request")) return items;
		await delay(1_000);
		return await run(output);
	}
}
