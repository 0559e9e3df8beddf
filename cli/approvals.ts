// `callgate approvals`: what waits for people, and their votes, for approvers without Slack.
import type { Command } from "commander";
import { type Answer, addReachOptions, callIdOf, type ReachOptions, reach } from "./api-client.ts";
import { wrongUsage } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { listOf, reasonText, recordOf, wordsOf } from "./problem.ts";
import { parseExactly, safeJson, safeLine, showJson } from "./terminal-text.ts";

interface VoteOptions extends ReachOptions {
	readonly reason?: string;
	readonly digest?: string;
}

const examples = `
Without a command it lists what waits and what you may decide. You see arguments as they were masked when the call was made.
Your vote is bound to the digest of exactly that call; nobody decides on a call of their own.

Examples:
  $ callgate approvals
  $ callgate approvals show 01890a5d-ac96-774b-bcce-b302099a8057
  $ callgate approvals approve 01890a5d-ac96-774b-bcce-b302099a8057 --reason "matches the invoice"
  $ callgate approvals reject 01890a5d-ac96-774b-bcce-b302099a8057 --reason "wrong recipient"
`;

export function registerApprovals(program: Command, io: Io): void {
	const approvals = program.command("approvals").description("List, show, approve and reject calls that wait for people");
	addReachOptions(approvals, "approval")
		.addHelpText("after", examples)
		.allowExcessArguments()
		.action(async (options: ReachOptions, { args }: Command) => {
			if (args.length > 0) throw wrongUsage("callgate approvals has no such command: expected show, approve or reject, or none of them.");
			const answer = await (await reach("approval", options, io)).ask("GET", "/v1/approvals");
			for (const line of options.json ? [safeJson(answer.text)] : listLines(answer)) io.print(line);
		});
	const sub = (name: string, description: string) =>
		addReachOptions(approvals.command(name).description(description).argument("<call>", "the call's id"), "approval");
	sub("show", "Show one call: who asks, for what, why it was held, who voted").action(
		async (id: string, _options: ReachOptions, command: Command) => {
			const options = command.optsWithGlobals<ReachOptions>();
			const call = callIdOf(id);
			showApproval(await (await reach("approval", options, io)).ask("GET", `/v1/approvals/${call}`), options, io);
		},
	);
	const vote = (verdict: "approve" | "reject") => async (id: string, _options: VoteOptions, command: Command) =>
		castVote(callIdOf(id), verdict, command.optsWithGlobals(), io);
	const digest = "the digest of the call that you looked at; another one is refused";
	sub("approve", "Approve a call")
		.option("--reason <text>", "why; some rules require it")
		.option("--digest <digest>", digest)
		.action(vote("approve"));
	sub("reject", "Reject a call")
		.requiredOption("--reason <text>", "why; the caller reads it")
		.option("--digest <digest>", digest)
		.action(vote("reject"));
}

async function castVote(call: string, verdict: "approve" | "reject", options: VoteOptions, io: Io): Promise<void> {
	const api = await reach("approval", options, io);
	// What is voted on is what stands there now, unless the approver says which call they looked at.
	const digest = options.digest ?? recordOf((await api.ask("GET", `/v1/approvals/${call}`)).value).digest;
	const body = { verdict, ...(options.reason !== undefined && { reason: options.reason }), ...(digest !== undefined && { digest }) };
	const answer = await api.ask("POST", `/v1/approvals/${call}/votes`, { body });
	const { state } = recordOf(answer.value);
	if (!options.json) {
		const outcome = state === "waiting" ? "it still waits for others" : `the call is ${safeLine(state)}`;
		io.tell(`your vote counts: ${verdict === "approve" ? "approved" : "rejected"}; ${outcome}`);
	}
	showApproval(answer, options, io);
}

function listLines({ value }: Answer): string[] {
	const { approvals, more } = recordOf(value);
	const waiting = listOf(approvals);
	if (waiting.length === 0) return ["Nothing waits for your decision."];
	return [
		...waiting.flatMap((approval) => [
			`${safeLine(approval.call)}  ${safeLine(approval.connection)} ${safeLine(approval.function)}`,
			`  by ${who(approval.caller)}, until ${instant(approval.expiresAt)}`,
			...(approval.reason === undefined ? [] : [`  because: ${safeLine(approval.reason)}`]),
			...requirementLines(approval.requirements),
		]),
		"",
		...(more === true ? ["These are the oldest; there are more."] : []),
		"Look at one: callgate approvals show CALL. Decide: callgate approvals approve|reject CALL --reason TEXT",
	];
}

function showApproval(answer: Answer, { json }: ReachOptions, io: Io): void {
	for (const line of json ? [safeJson(answer.text)] : approvalLines(answer)) io.print(line);
}

function approvalLines({ text, value }: Answer): string[] {
	const approval = recordOf(value);
	const settled = approval.settledAt === undefined ? "" : ` at ${instant(approval.settledAt)}`;
	const by = wordsOf(approval.by);
	return [
		`call      ${safeLine(approval.call)}`,
		`function  ${safeLine(approval.connection)} ${safeLine(approval.function)}`,
		`caller    ${who(approval.caller)}`,
		...(approval.reason === undefined ? [] : [`because   ${safeLine(approval.reason)}`]),
		`state     ${safeLine(approval.state)}${settled}${by.length > 0 ? ` by ${by.join(", ")}` : ""}`,
		...(approval.detail === undefined ? [] : [`detail    ${safeLine(approval.detail)}`]),
		`received  ${instant(approval.receivedAt)}`,
		`until     ${instant(approval.expiresAt)}`,
		`digest    ${safeLine(approval.digest)}`,
		...listOf(approval.reasons).map((reason) => `held      ${reasonText(reason)}`),
		...requirementLines(approval.requirements),
		...listOf(approval.votes).map(voteLine),
		"arguments (masked):",
		...showJson(recordOf(parseExactly(text)).arguments).map((line) => `  ${line}`),
	];
}

function requirementLines(requirements: unknown): string[] {
	return listOf(requirements).map(({ rule, anyOf, quorum, reasonRequired, approvedBy }) => {
		const approved = wordsOf(approvedBy);
		const so = approved.length > 0 ? `; approved by ${approved.join(", ")}` : "";
		return `  wants ${safeLine(quorum)} of ${wordsOf(anyOf).join(" or ")} for ${safeLine(rule)}${reasonRequired === true ? ", with a reason" : ""}${so}`;
	});
}

function voteLine({ voter, verdict, reason, via, at }: Readonly<Record<string, unknown>>): string {
	return `  ${safeLine(voter)}: ${safeLine(verdict)} through ${via === "slack" ? "Slack" : "the API"} at ${instant(at)}${reason === undefined ? "" : `, because: ${safeLine(reason)}`}`;
}

function who(value: unknown): string {
	const { subject, email, issuer } = recordOf(value);
	return `${safeLine(subject)}${typeof email === "string" ? ` <${safeLine(email)}>` : ""} of ${safeLine(issuer)}`;
}

function instant(value: unknown): string {
	return safeLine(value).replace("T", " ");
}
