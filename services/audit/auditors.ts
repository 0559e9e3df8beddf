// Who may read the record: the members of one group of the configuration that is in force.
import { auditorsGroup, type Group } from "#libs/configuration/kinds/group.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { emailKey } from "#libs/contracts/email.ts";
import type { Auditors } from "./ports.ts";

/** Looks at the groups anew for every request: who leaves the group reads nothing more. */
export function createAuditors(group: (name: string) => Pick<Group, "members" | "groups"> | undefined): Auditors {
	return {
		has({ email, groups }: Caller) {
			const auditors = group(auditorsGroup);
			if (!auditors) return false;
			return (email !== undefined && auditors.members.has(emailKey(email))) || groups.some((name) => auditors.groups.has(name));
		},
	};
}
