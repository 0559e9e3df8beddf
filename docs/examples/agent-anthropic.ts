// An agent on Anthropic's Messages whose every tool use goes through Callgate.
import type Anthropic from "@anthropic-ai/sdk";

/** @param callgate where ingress is, and the agent's token. @returns the model's last words. */
export async function runAgent(
	client: Anthropic,
	model: string,
	question: string,
	callgate: { url: string; token: string },
): Promise<string> {
	const authorization = `Bearer ${callgate.token}`;
	const listed = await fetch(`${callgate.url}/v1/functions?format=anthropic`, { headers: { authorization } });
	const { tools } = (await listed.json()) as { tools: Anthropic.Tool[] };
	const messages: Anthropic.MessageParam[] = [{ role: "user", content: question }];
	for (;;) {
		const { role, content, stop_reason } = await client.messages.create({ model, max_tokens: 4_096, messages, tools });
		messages.push({ role, content });
		if (stop_reason !== "tool_use") return content.flatMap((block) => (block.type === "text" ? block.text : [])).join("\n");
		const ran = await fetch(`${callgate.url}/v1/anthropic/tool-uses`, {
			method: "POST",
			headers: { authorization, "content-type": "application/json" },
			body: JSON.stringify({ role, content }),
		});
		if (!ran.ok) throw new Error(await ran.text());
		messages.push(...((await ran.json()) as { messages: Anthropic.MessageParam[] }).messages);
	}
}
