// Every named moment stands in the code exactly where its name claims: between what has happened and what has not.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type CrashPoint, crashPoints } from "#libs/service/crash-point.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Place {
	readonly file: string;
	/** What stands on the line before: it has happened. */
	readonly after: string;
	/** What stands on the line after: it has not. */
	readonly before: string;
}

const places: Readonly<Record<CrashPoint, readonly Place[]>> = {
	"after-accept-before-publish": [{ file: "services/ingress/submit-call.ts", after: "await keepCall(", before: "await publishCall(" }],
	"after-publish-before-reply": [{ file: "services/ingress/submit-call.ts", after: "await publishCall(", before: "await use?.confirm()" }],
	"after-decision-before-ack": [{ file: "services/policy/service.ts", after: "await decideCall(", before: "return;" }],
	"after-click-before-stored": [
		{ file: "services/approval/vote-on-call.ts", after: "export async function voteOnCall(", before: "await carryOut(" },
	],
	"after-timer-before-event": [
		{ file: "services/approval/expire-calls.ts", after: "try {", before: "await settleCall(" },
		{ file: "services/approval/reach-approvers.ts", after: 'case "escalate":', before: "await settleCall(" },
	],
	"after-reading-before-writing": [
		{ file: "libs/bus/bus-nats.ts", after: "if (standing.size === 0) return", before: "const condition = conditionOn(" },
	],
	"after-lost-condition": [{ file: "libs/bus/bus-nats.ts", after: "}", before: "await reading.readTo(" }],
	// undici writes the request when this callback returns: see services/executor/dial-http/exchange.ts.
	"after-claim-before-first-byte": [
		{ file: "services/executor/execute-call.ts", after: "throw new LeaseLost()", before: "crashPointAfterThisTurn(" },
	],
	"after-first-byte-before-answer": [{ file: "services/executor/execute-call.ts", after: "crashPoint(", before: "};" }],
	"after-piece-before-next": [
		{ file: "services/executor/pass-on-pieces.ts", after: "await this.storeEvent(", before: "this.written = piece" },
	],
	"after-answer-before-ending": [{ file: "services/executor/execute-call.ts", after: "await dial(", before: "if (!ended)" }],
	"after-ending-before-ack": [{ file: "services/executor/execute-call.ts", after: "await endForSure(", before: "if (won)" }],
	"between-index-and-ack": [{ file: "services/audit/record-event.ts", after: "metrics.indexed(", before: "}," }],
	"after-segment-before-tiles": [{ file: "services/audit/proof/keep-tree.ts", after: "const root", before: "await this.derive(" }],
	"during-recovery-at-start": [
		{ file: "libs/configuration/follow-configuration.ts", after: "});", before: "await refresh();" },
		{ file: "services/approval/approvals.ts", after: "await bus.follow(", before: "await this.following.caughtUp" },
	],
};

const files = ["libs", "services"].flatMap((area) =>
	readdirSync(join(root, area), { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
		.map((entry) => relative(root, join(entry.parentPath, entry.name))),
);

interface Found {
	readonly name: string;
	readonly file: string;
	readonly before: string;
	readonly after: string;
}

const found = files.flatMap((file): Found[] => {
	const lines = readFileSync(join(root, file), "utf8")
		.split("\n")
		.filter((line) => !/^\s*(\/\/|\/?\*)/.test(line));
	return lines.flatMap((line, at) => {
		const name = /\bcrashPoint(?:AfterThisTurn)?\("([^"]+)"\)/.exec(line)?.[1];
		return name === undefined ? [] : [{ name, file, after: lines[at - 1] ?? "", before: lines[at + 1] ?? "" }];
	});
});

test("no other place names a moment", () => {
	const claimed = crashPoints.flatMap((name) => places[name].map(({ file }) => `${name} in ${file}`));
	expect(found.map(({ name, file }) => `${name} in ${file}`).sort()).toEqual(claimed.sort());
});

test.each(crashPoints)("%s", (name) => {
	for (const place of places[name]) {
		const [one, ...more] = found.filter((candidate) => candidate.name === name && candidate.file === place.file);
		expect(more).toEqual([]);
		expect(one?.after).toContain(place.after);
		expect(one?.before).toContain(place.before);
	}
});
