// An agent on OpenAI's Chat Completions whose every tool call goes through Callgate.
import type { Callgate } from "callgate/client";
import type OpenAI from "openai";

/** @returns the model's last words. */
export async function runAgent(openai: OpenAI, model: string, question: string, callgate: Callgate): Promise<string> {
	const tools = await callgate.tools<OpenAI.Chat.ChatCompletionFunctionTool>("openai-chat");
	const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: "user", content: question }];
	for (;;) {
		const { choices } = await openai.chat.completions.create({ model, messages, tools });
		const message = choices[0]?.message;
		if (!message?.tool_calls?.length) return message?.content ?? "";
		const { append } = await callgate.runToolCalls<OpenAI.Chat.ChatCompletionToolMessageParam>("openai-chat", message);
		messages.push(message, ...append);
	}
}
