// An agent on Anthropic's Messages whose every tool use goes through Callgate.
import type Anthropic from "@anthropic-ai/sdk";
import type { Callgate } from "callgate/client";

/** @returns the model's last words. */
export async function runAgent(client: Anthropic, model: string, question: string, callgate: Callgate): Promise<string> {
	const tools = await callgate.tools<Anthropic.Tool>("anthropic");
	const messages: Anthropic.MessageParam[] = [{ role: "user", content: question }];
	for (;;) {
		const { role, content, stop_reason } = await client.messages.create({ model, max_tokens: 4_096, messages, tools });
		messages.push({ role, content });
		if (stop_reason !== "tool_use") return content.flatMap((block) => (block.type === "text" ? block.text : [])).join("\n");
		const { append } = await callgate.runToolCalls<Anthropic.MessageParam>("anthropic", { role, content });
		messages.push(...append);
	}
}
