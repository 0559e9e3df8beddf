// An agent on Gemini whose every function call goes through Callgate; nothing but `fetch` speaks to the model.
import type { Callgate } from "callgate/client";

interface Content {
	readonly role: string;
	readonly parts: readonly { readonly text?: string; readonly functionCall?: object }[];
}

/** @returns the model's last words. */
export async function runAgent(url: string, key: string, model: string, question: string, callgate: Callgate): Promise<string> {
	const tools = await callgate.tools("gemini");
	const contents: Content[] = [{ role: "user", parts: [{ text: question }] }];
	for (;;) {
		const headers = { "content-type": "application/json", "x-goog-api-key": key };
		const asking = { method: "POST", headers, body: JSON.stringify({ contents, tools }) };
		const answer = await fetch(`${url}/v1beta/models/${model}:generateContent`, asking);
		if (!answer.ok) throw new Error(`Gemini answered ${answer.status}`);
		const { candidates } = (await answer.json()) as { candidates: readonly { readonly content: Content }[] };
		const content = candidates[0]?.content;
		if (!content?.parts.some(({ functionCall }) => functionCall)) return content?.parts.map(({ text = "" }) => text).join("") ?? "";
		const { append } = await callgate.runToolCalls<Content>("gemini", content);
		contents.push(content, ...append);
	}
}
