// Slack as the checker reads it: every message that is there at the end, what its buttons would answer and what it says came of its call.
import type { Stack } from "../../infra/local/stack.ts";
import type { Evidence } from "./evidence.ts";

export async function readSlack({ url }: Pick<Stack, "url">): Promise<Pick<Evidence, "slack" | "outcomes">> {
	const { messages } = (await (await fetch(`${url("slack")}/_demo/messages`)).json()) as { messages: object[] };
	const texts = messages.map((message) => JSON.stringify(message));
	const slack = texts.flatMap((text) =>
		[...text.matchAll(/"value":"([0-9a-f-]{36}) (sha256:[0-9a-f]{64})"/g)].map(([, call = "", digest = ""]) => ({ call, digest })),
	);
	const outcomes = texts.flatMap((text) => {
		const call = /"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21})\\nsha256:/.exec(text)?.[1];
		const word = /"text":"([A-Z][a-z]+): bank\/pay/.exec(text)?.[1];
		return call === undefined ? [] : [{ call, word }];
	});
	return { slack, outcomes };
}
