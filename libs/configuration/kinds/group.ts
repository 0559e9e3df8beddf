// Kind `Group`: people who may approve.
import { type Static, Type } from "typebox";
import { callerBounds, namePattern } from "#libs/contracts/call.ts";
import { emailCharactersMax, emailKey, emailPattern } from "#libs/contracts/email.ts";
import type { Fault } from "../configuration-error.ts";

/** Members of the group with this name may read the record. */
export const auditorsGroup = "auditors";

export const GroupDocument = Type.Object(
	{
		kind: Type.Literal("Group"),
		name: Type.String({ pattern: namePattern, description: "Named by policies. `auditors` may read the record." }),
		members: Type.Optional(
			Type.Array(
				Type.String({
					maxLength: emailCharactersMax,
					pattern: emailPattern,
					expected: "an e-mail address",
				}),
				{
					minItems: 1,
					maxItems: 1_000,
					description: "People, by e-mail address; A to Z and a to z are the same.",
				},
			),
		),
		groups: Type.Optional(
			Type.Array(Type.String({ minLength: 1, maxLength: callerBounds.groupCharacters }), {
				minItems: 1,
				maxItems: 256,
				description: "Groups of the identity provider whose people are members.",
			}),
		),
		slack: Type.Optional(
			Type.String({
				pattern: "^#[a-z0-9][a-z0-9._-]{0,79}$",
				expected: 'a channel such as "#finance-approvals"',
				description: "Where approvals are asked for.",
			}),
		),
	},
	{ additionalProperties: false },
);
export type GroupDocument = Static<typeof GroupDocument>;

export type Group = {
	readonly name: string;
	/** E-mail addresses, each as its `emailKey`. */
	readonly members: ReadonlySet<string>;
	/** Names of groups of the identity provider, exactly as tokens say them. */
	readonly groups: ReadonlySet<string>;
	readonly slack?: string;
};

/** Compiles a document that fits its schema. */
export function compileGroup(document: GroupDocument): { readonly group: Group; readonly faults: readonly Fault[] } {
	const faults: Fault[] = [];
	const members = (document.members ?? []).map((member) => emailKey(member));
	for (const [index, member] of members.entries()) {
		if (members.indexOf(member) !== index)
			faults.push({ path: ["members", index], message: `found ${member} twice, expected each person once` });
	}
	if (document.members === undefined && document.groups === undefined) {
		faults.push({ path: ["name"], message: "found a group without anybody in it, expected members: or groups:" });
	}
	const group: Group = {
		name: document.name,
		members: new Set(members),
		groups: new Set(document.groups ?? []),
		...(document.slack !== undefined && { slack: document.slack }),
	};
	return { group, faults };
}
