// Agents: the official clients of the model APIs, in the loops of docs/examples, against model APIs that hold them to their rules.
import { fileURLToPath } from "node:url";
import Anthropic from "@anthropic-ai/sdk";
import { Callgate } from "callgate/client";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { runAgent as runAnthropic } from "../../docs/examples/agent-anthropic.ts";
import { runAgent as runGemini } from "../../docs/examples/agent-gemini.ts";
import { runAgent as runChat } from "../../docs/examples/agent-openai-chat.ts";
import { runAgent as runResponses } from "../../docs/examples/agent-openai-responses.ts";
import { type ScriptedCall, startModelApi } from "../support/model-api.ts";
import { pythonWith } from "../support/python.ts";
import { click, heldCallNamed } from "../support/slack.ts";
import { iban, newReference, stack, tokenOf, transfersNamed } from "../support/stack.ts";

const agents: Record<string, (url: string, question: string, callgate: Callgate) => Promise<string>> = {
	"OpenAI's chat": (url, question, callgate) =>
		runChat(new OpenAI({ baseURL: `${url}/v1`, apiKey: "x", maxRetries: 0 }), "scripted", question, callgate),
	"OpenAI's responses": (url, question, callgate) =>
		runResponses(new OpenAI({ baseURL: `${url}/v1`, apiKey: "x", maxRetries: 0 }), "scripted", question, callgate),
	"Anthropic's messages": (url, question, callgate) =>
		runAnthropic(new Anthropic({ baseURL: url, apiKey: "x", maxRetries: 0 }), "scripted", question, callgate),
	"Gemini's contents": (url, question, callgate) => runGemini(url, "x", "scripted", question, callgate),
	"Gemini's contents, in Python": async (url, question) =>
		await (await pythonWith("httpx"))(
			"import sys; from agent_gemini import run_agent; print(run_agent(*sys.argv[1:]), end='')",
			[url, "x", "scripted", question, stack.urls.ingress, await tokenOf("ci")],
			fileURLToPath(new URL("../../docs/examples", import.meta.url)),
		),
};

const order = (reference: string, amount: number): ScriptedCall => ({
	name: "bank__createTransfer",
	args: { amount, currency: "EUR", to: iban, country: "DE", reference },
});

describe.each(Object.entries(agents))("an agent on %s", (_name, run) => {
	const callgate = async () => new Callgate({ url: stack.urls.ingress, token: await tokenOf("ci") });

	test("reads masked data, sends money once, and is told what it may not do", async () => {
		const reference = newReference("agent");
		const calls = [{ name: "bank__getAccount", args: { id: "acc-1" } }, order(reference, 70), order(`${reference}-never`, -1)];
		await using model = await startModelApi(calls);
		const [account, transfer, refused] = (await run(model.url, `question ${reference}`, await callgate())).split("\n");
		expect(JSON.parse(account ?? "")).toMatchObject({ id: "acc-1", card: "[…1111]" });
		expect(JSON.parse(transfer ?? "")).toMatchObject({ reference });
		expect(JSON.parse(refused ?? "")).toMatchObject({ error: { code: "invalid_arguments" } });
		expect(await transfersNamed(reference)).toHaveLength(1);
	});

	test("a call that people must approve runs when they did", async () => {
		const reference = newReference("agent-held");
		await using model = await startModelApi([order(reference, 5_000)]);
		const answering = run(model.url, `question ${reference}`, await callgate());
		await click("frank", "approve", await heldCallNamed(reference));
		expect(JSON.parse(await answering)).toMatchObject({ reference });
		expect(await transfersNamed(reference)).toHaveLength(1);
	});
});
