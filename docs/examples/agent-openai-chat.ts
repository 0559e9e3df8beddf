// An agent on OpenAI's Chat Completions whose every tool call goes through Callgate.
import type OpenAI from "openai";

/** @param callgate where ingress is, and the agent's token. @returns the model's last words. */
export async function runAgent(openai: OpenAI, model: string, question: string, callgate: { url: string; token: string }): Promise<string> {
	const authorization = `Bearer ${callgate.token}`;
	const listed = await fetch(`${callgate.url}/v1/functions?format=openai`, { headers: { authorization } });
	const { tools } = (await listed.json()) as { tools: OpenAI.Chat.ChatCompletionFunctionTool[] };
	const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: "user", content: question }];
	for (;;) {
		const { choices } = await openai.chat.completions.create({ model, messages, tools });
		const message = choices[0]?.message;
		if (!message?.tool_calls?.length) return message?.content ?? "";
		const ran = await fetch(`${callgate.url}/v1/openai/chat/tool-calls`, {
			method: "POST",
			headers: { authorization, "content-type": "application/json" },
			body: JSON.stringify(message),
		});
		if (!ran.ok) throw new Error(await ran.text());
		messages.push(message, ...((await ran.json()) as { messages: OpenAI.Chat.ChatCompletionToolMessageParam[] }).messages);
	}
}
