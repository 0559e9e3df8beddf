// The people and clients of the demo in one table: the identity provider vouches for them, the Slack stand-in shows them.

/** A person of the demo company. `email` is the key that joins identity provider and Slack; `slackId` has Slack's form (`U` and capitals). */
export type Person = {
	readonly name: string;
	readonly realName: string;
	readonly email: string;
	readonly groups: readonly string[];
	readonly slackId: string;
	/** What to say about the person where someone picks whom to act as. */
	readonly note: string;
};

/** A program that calls functions: it has a secret instead of a password, and tokens signed with `algorithm`. */
export type Workload = {
	readonly clientId: string;
	readonly groups: readonly string[];
	readonly algorithm: "RS256" | "ES256";
	readonly note: string;
};

/** A Slack channel; the app can post only where it is a member. */
export type Channel = {
	readonly id: string;
	readonly name: string;
	readonly topic: string;
	/** Whether the app was invited; as in Slack, posting elsewhere is `not_in_channel`. Default: true. */
	readonly appIsMember?: boolean;
};

export const people: readonly Person[] = [
	{
		name: "dana",
		realName: "Dana Ortiz",
		email: "dana@example.com",
		groups: ["finance"],
		slackId: "U0DANA0001",
		note: "finance",
	},
	{
		name: "frank",
		realName: "Frank Mensah",
		email: "frank@example.com",
		groups: ["finance"],
		slackId: "U0FRANK001",
		note: "finance",
	},
	{ name: "carol", realName: "Carol Lindqvist", email: "carol@example.com", groups: ["cfo"], slackId: "U0CAROL001", note: "cfo" },
	{
		name: "erin",
		realName: "Erin Walsh",
		email: "erin@example.com",
		groups: ["engineering"],
		slackId: "U0ERIN0001",
		note: "engineering",
	},
	{ name: "alice", realName: "Alice Nakamura", email: "alice@example.com", groups: ["auditors"], slackId: "U0ALICE001", note: "auditor" },
	// In the workspace, but no group of Callgate's knows this address: a click of hers must count for nothing.
	{
		name: "mallory",
		realName: "Mallory Quinn",
		email: "mallory@contractor.example.net",
		groups: [],
		slackId: "U0MALLORY1",
		note: "contractor",
	},
];

export const workloads: readonly Workload[] = [
	{ clientId: "ci", groups: ["ci"], algorithm: "RS256", note: "the CI pipeline" },
	{ clientId: "ai-agent", groups: ["agents"], algorithm: "ES256", note: "an AI agent" },
];

export const channels: readonly Channel[] = [
	{ id: "C0FINANCE1", name: "finance-approvals", topic: "Transfers that wait for finance" },
	{ id: "C0CFO00001", name: "cfo-approvals", topic: "What finance left undecided" },
	{ id: "C0ENGINEER", name: "engineering-approvals", topic: "Dangerous things of the engineering team" },
	{ id: "C0GENERAL1", name: "general", topic: "Everyone; the app was not invited", appIsMember: false },
];
