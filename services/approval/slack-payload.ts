// What Slack says that someone did, from its interaction payloads: a click on one of our buttons, a reason that was typed. Pure.
import { type Static, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { CallId, Digest } from "#libs/contracts/call.ts";
import { reasonModal } from "./slack-card.ts";

const id = Type.String({ minLength: 1, maxLength: 64 });
const verdict = Type.Union([Type.Literal("approve"), Type.Literal("reject")]);

// Slack adds members to its payloads at any time: only what is used is described, and nothing else is read.
const Clicked = Type.Object({
	type: Type.Literal("block_actions"),
	user: Type.Object({ id }),
	trigger_id: Type.String({ minLength: 1, maxLength: 256 }),
	container: Type.Object({ type: Type.Literal("message"), message_ts: id, channel_id: id }),
	actions: Type.Array(Type.Object({ type: Type.Literal("button"), action_id: verdict, value: Type.String({ maxLength: 256 }) }), {
		minItems: 1,
		maxItems: 1,
	}),
});
const Submitted = Type.Object({
	type: Type.Literal("view_submission"),
	user: Type.Object({ id }),
	view: Type.Object({
		callback_id: Type.Literal(reasonModal),
		private_metadata: Type.String({ maxLength: 3_000 }),
		state: Type.Object({
			values: Type.Object({
				reason: Type.Object({ reason: Type.Object({ value: Type.Union([Type.String({ maxLength: 3_000 }), Type.Null()]) }) }),
			}),
		}),
	}),
});
const Remembered = Type.Object({ call: CallId, digest: Digest, verdict, channel: id, messageTs: id }, { additionalProperties: false });
const Value = Type.Object({ call: CallId, digest: Digest });

const clicked = Compile(Clicked);
const submitted = Compile(Submitted);
const remembered = Compile(Remembered);
const buttonValues = Compile(Value);

interface About {
	readonly user: string;
	readonly call: string;
	readonly digest: string;
	readonly verdict: "approve" | "reject";
	readonly channel: string;
	readonly messageTs: string;
}
export type Interaction =
	| ({ readonly kind: "click"; readonly triggerId: string } & About)
	| ({ readonly kind: "reason"; readonly reason: string } & About)
	/** Something of Slack's that asks nothing of us, such as a modal that was closed. */
	| { readonly kind: "other" };

/** Reads the raw form body; undefined if it is none of Slack's. */
export function readInteraction(body: Uint8Array): Interaction | undefined {
	const payload = parseJson(new URLSearchParams(new TextDecoder().decode(body)).get("payload") ?? "");
	if (typeof payload !== "object" || payload === null) return undefined;
	if (is(clicked, payload)) {
		const [action] = payload.actions;
		const [call, digest] = action?.value.split(" ") ?? [];
		const value = { call, digest };
		if (!action || !is(buttonValues, value)) return undefined;
		const { container, user, trigger_id: triggerId } = payload;
		const about = { user: user.id, verdict: action.action_id, channel: container.channel_id, messageTs: container.message_ts };
		return { kind: "click", triggerId, ...about, ...value };
	}
	if (is(submitted, payload)) {
		const about = parseJson(payload.view.private_metadata);
		if (!is(remembered, about)) return undefined;
		return { kind: "reason", user: payload.user.id, reason: payload.view.state.values.reason.reason.value ?? "", ...about };
	}
	return { kind: "other" };
}

function is<T extends TSchema>(validator: { Check(value: unknown): boolean; Type(): T }, value: unknown): value is Static<T> {
	return validator.Check(value);
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
