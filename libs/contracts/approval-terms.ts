// What follows from the terms of a held call for whoever reads them: approval, which decides by them, and ingress, which tells them.
import type { Static } from "typebox";
import type { ApprovalTerms, Requirement } from "./events.ts";

/** Names of the groups that may meet this requirement now. @param escalated numbers of the escalations that happened, from 1 */
export function groupsAsked(
	{ escalations }: Pick<Static<typeof ApprovalTerms>, "escalations">,
	escalated: readonly number[],
	requirement: Pick<Static<typeof Requirement>, "rule" | "anyOf">,
): string[] {
	const added = escalated.flatMap((step) => {
		const escalation = escalations[step - 1];
		return escalation && (escalation.rule === undefined || escalation.rule === requirement.rule) ? escalation.to : [];
	});
	return [...new Set([...requirement.anyOf, ...added])];
}
