// Approvers at work, in the Slack stand-in and through the API.
import { type Answer, ask, eventually, stack } from "./stack.ts";

export interface Message {
	readonly channel: string;
	readonly channelName: string;
	readonly ts: string;
	readonly text: string;
	readonly ephemeralFor?: string;
	readonly blocks: readonly unknown[];
}

export async function slackMessages(): Promise<Message[]> {
	return (await ask(`${stack.urls.slack}/_demo/messages`)).body.messages;
}

/** Messages that put this call to approvers. */
export async function messagesAbout(call: string): Promise<Message[]> {
	const all = await slackMessages();
	return all.filter(({ ephemeralFor, blocks }) => ephemeralFor === undefined && JSON.stringify(blocks).includes(call));
}

/** The message about a call in one channel, once it is there. */
export function askedInSlack(call: string, channel = "finance-approvals"): Promise<Message> {
	return eventually(async () => (await messagesAbout(call)).find(({ channelName }) => channelName === channel));
}

/** The id of the call that waits for people and is about this text (a masked view has it in the clear). */
export function heldCallNamed(text: string): Promise<string> {
	return eventually(async () => {
		const message = (await slackMessages()).find(({ ephemeralFor, blocks }) => !ephemeralFor && JSON.stringify(blocks).includes(text));
		return /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(JSON.stringify(message?.blocks ?? ""))?.[0];
	});
}

interface Outcome {
	readonly ok: boolean;
	readonly error?: string;
	readonly reply?: { readonly status: number };
	readonly view?: unknown;
}

const post = async (path: string, body: object): Promise<Outcome> => {
	const headers = { "content-type": "application/json" };
	return (await ask(`${stack.urls.slack}/_demo/${path}`, { method: "POST", headers, body: JSON.stringify(body) })).body;
};

/** A person clicks a button of the message about a call. */
export async function click(user: string, action: "approve" | "reject", call: string, channel = "finance-approvals"): Promise<Outcome> {
	const { ts } = await askedInSlack(call, channel);
	return await post("click", { user, channel, ts, action_id: action });
}

/** A click that asks why opens a modal; this fills it in. */
export async function giveReason(user: string, reason: string): Promise<Outcome> {
	await eventually(async () => ((await ask(`${stack.urls.slack}/_demo/view?user=${user}`)).body.ok ? true : undefined));
	return await post("submit-view", { user, values: { reason } });
}

/** A click that is refused: resolves with what its person alone was told. */
export async function clickAndHear(user: string, action: "approve" | "reject", call: string): Promise<string> {
	const known = new Set((await slackMessages()).map(({ ts }) => ts));
	const { slackId } = stack.people.find(({ name }) => name === user) ?? {};
	await click(user, action, call);
	return await eventually(async () => (await slackMessages()).find((one) => one.ephemeralFor === slackId && !known.has(one.ts))?.text);
}

/** A vote through the API. */
export function vote(as: string, call: string, body: object, at = stack.urls.approval): Promise<Answer> {
	const headers = { "content-type": "application/json" };
	return ask(`${at}/v1/approvals/${call}/votes`, { method: "POST", as, headers, body: JSON.stringify(body) });
}
