// The tour that does itself: the calls a newcomer would try, each with what is expected and what was seen.
import { createHash } from "node:crypto";
import { findStored } from "./find-stored.ts";
import type { Stack } from "./stack.ts";
import { TourCallers } from "./tour-callers.ts";

/** What one step found: one line for what should be, one for what was. */
interface Seen {
	readonly ok: boolean;
	readonly expected: string;
	readonly seen: string;
}

const taskAskEveryMs = 200;
const taskAsksMax = 150;

type Say = (line: string) => void;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const small = { amount: 250, currency: "EUR", to: "DE89370400440532013000", country: "DE" };

/** Takes the tour; resolves with the exit code: 0 where every step saw what it expected. */
export async function takeTour(stack: Stack, say: Say): Promise<number> {
	const tour = new Tour(new TourCallers(stack));
	const steps: [title: string, step: () => Promise<Seen>][] = [
		["an allowed transfer completes; the bank saw its own key, not the caller's token", () => tour.allowed()],
		["a denied one answers with rule and reason; the bank saw nothing", () => tour.denied()],
		["a held one waits, and its approvers are asked in Slack", () => tour.held()],
		["a wrong person's click counts for nothing", () => tour.refusedClick("mallory")],
		["the requester's own click counts for nothing", () => tour.refusedClick("dana")],
		["the right person's click lets it run, and the waiting caller gets its answer", () => tour.approved()],
		["an agent's call of an MCP server's tool is held as a task, which completes when it was approved in Slack", () => tour.task()],
		["only the base URL changed: a client of the bank works through the proxy, with cards and e-mails masked", () => tour.proxied()],
		["an auditor reads the whole story of the held call", () => tour.story()],
		["who is not an auditor reads nothing", () => tour.noStory()],
		["nothing stored holds the raw card number, an e-mail, the bank's key or a caller's token", () => tour.nothingStored(stack)],
	];
	let failed = 0;
	for (const [index, [title, step]] of steps.entries()) {
		const { ok, expected, seen } = await step().catch((error: unknown) => ({
			ok: false,
			expected: "an answer",
			seen: error instanceof Error ? error.message : String(error),
		}));
		if (!ok) failed++;
		say(`${ok ? "ok  " : "FAIL"} ${String(index + 1).padStart(2)}. ${title}\n         expected: ${expected}\n         seen:     ${seen}`);
	}
	say(failed === 0 ? `\nThe tour saw all ${steps.length} things it expected.` : `\n${failed} of ${steps.length} steps saw something else.`);
	return failed === 0 ? 0 : 1;
}

class Tour {
	private readonly callers: TourCallers;
	private waiting: Promise<{ status: number; text: string }> | undefined;
	private heldCall = "";

	constructor(callers: TourCallers) {
		this.callers = callers;
	}

	async allowed(): Promise<Seen> {
		const before = await this.callers.bankRequests();
		const answer = await this.callers.submit("ci", small);
		const [request, ...more] = (await this.callers.bankRequests()).slice(before.length);
		const key = sha256(this.callers.bankKey);
		const ok = answer.status === 200 && answer.body.result?.status === 201 && more.length === 0 && request?.credentialSha256 === key;
		const credential = request?.credentialSha256 === key ? "the bank's own key" : "another credential";
		return {
			ok,
			expected: "200 with the bank's 201; one request with the bank's own key",
			seen: `${answer.status} with ${answer.body.result?.status}; requests: ${1 + more.length}, ${credential}`,
		};
	}

	async denied(): Promise<Seen> {
		const before = await this.callers.bankRequests();
		const answer = await this.callers.submit("ci", { ...small, country: "XX" });
		const requests = (await this.callers.bankRequests()).length - before.length;
		const { code, rules = [], reasons = [] } = answer.body;
		const isProblem = answer.type.startsWith("application/problem+json");
		const ok =
			answer.status === 403 &&
			isProblem &&
			code === "denied" &&
			rules.includes("never-to-blocked-countries") &&
			reasons.length > 0 &&
			requests === 0;
		return {
			ok,
			expected: "403 application/problem+json, rule never-to-blocked-countries; no request at the bank",
			seen: `${answer.status} ${answer.type}, ${rules.join(", ")}: ${reasons[0]?.message ?? "no reason"}; requests: ${requests}`,
		};
	}

	async held(): Promise<Seen> {
		const before = await this.callers.slackMessages();
		this.waiting = this.callers.submit("dana", { ...small, amount: 5000 }, 120);
		const message = await this.callers.nextSlackMessage(before.length);
		this.heldCall = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}/.exec(JSON.stringify(message))?.[0] ?? "";
		const masked = !JSON.stringify(message).includes(small.to);
		const ok = this.heldCall !== "" && message.channelName === "finance-approvals" && masked;
		return {
			ok,
			expected: "a message in #finance-approvals with masked arguments",
			seen: `#${message.channelName}: ${message.text}; account number ${masked ? "masked" : "in the clear"}`,
		};
	}

	async refusedClick(person: string): Promise<Seen> {
		const told = await this.callers.click(person, "approve", this.heldCall);
		const pending = await this.isWaiting();
		return {
			ok: told !== "" && pending,
			expected: "told why, and the call still waits",
			seen: `"${told}"; the call ${pending ? "still waits" : "went on"}`,
		};
	}

	async approved(): Promise<Seen> {
		await this.callers.click("frank", "approve", this.heldCall);
		const answer = await this.waiting;
		const body = JSON.parse(answer?.text ?? "{}") as { state?: string; result?: { status?: number } };
		const ok = answer?.status === 200 && body.state === "completed" && body.result?.status === 201;
		return { ok, expected: "200 completed with the bank's 201", seen: `${answer?.status} ${body.state} with ${body.result?.status}` };
	}

	async task(): Promise<Seen> {
		const connection = "support";
		const params = { name: "refundTicket", arguments: { ticket: "tck-1", amount: 4000, currency: "EUR" } };
		const before = await this.callers.slackMessages();
		const refunds = async () => (await this.callers.bankRequests()).filter(({ body }) => body?.params?.name === params.name);
		const earlier = (await refunds()).length;
		const { taskId = "", status: atFirst } = await this.callers.mcp("ai-agent", connection, "tools/call", params);
		await this.callers.nextSlackMessage(before.length);
		const whileHeld = (await refunds()).length - earlier;
		await this.callers.click("frank", "approve", taskId);
		let task = await this.callers.mcp("ai-agent", connection, "tasks/get", { taskId });
		for (let asked = 1; task.status === "working" && asked < taskAsksMax; asked++) {
			await new Promise((resolve) => setTimeout(resolve, taskAskEveryMs));
			task = await this.callers.mcp("ai-agent", connection, "tasks/get", { taskId });
		}
		const { result } = task;
		const calls = (await refunds()).slice(earlier);
		const own = calls.every(({ credentialSha256 }) => credentialSha256 === sha256(this.callers.bankKey));
		return {
			ok:
				atFirst === "working" &&
				whileHeld === 0 &&
				task.status === "completed" &&
				result?.structuredContent !== undefined &&
				calls.length === 1 &&
				own,
			expected: "a task that is working, and after the click completed with the refund; the MCP server saw one call, with its own key",
			seen: `${atFirst}, then ${task.status}${result?.structuredContent ? " with the refund" : ""}; calls: ${calls.length}, ${own ? "its own key" : "another credential"}`,
		};
	}

	private async isWaiting(): Promise<boolean> {
		const waiting = this.waiting?.then(() => false) ?? Promise.resolve(false);
		return await Promise.race([waiting, new Promise<boolean>((resolve) => setTimeout(resolve, 300, true))]);
	}

	async proxied(): Promise<Seen> {
		const direct = await this.callers.bankAccount();
		const through = await this.callers.proxied("ci", "/accounts/acc-1");
		const leaks = [direct.card, direct.customer.email, direct.customer.ssn].filter((raw) => through.text.includes(raw));
		const ok = through.status === 200 && through.body.id === direct.id && through.body.balance !== undefined && leaks.length === 0;
		return {
			ok,
			expected: "200 and the bank's own document, card, e-mail and national id masked",
			seen: `${through.status}, card ${through.body.card}, e-mail ${through.body.customer?.email}, ssn ${through.body.customer?.ssn}`,
		};
	}

	async story(): Promise<Seen> {
		const { code, out } = await this.callers.wholeStory("alice", this.heldCall);
		const steps = ["call.received", "call.held", "approval.asked", "approval.voted", "call.granted", "call.started", "call.ended"];
		const missing = steps.filter((step) => !out.includes(step));
		const ok = code === 0 && missing.length === 0 && out.includes("frank@example.com");
		return {
			ok,
			expected: "`callgate audit show` tells every step and who approved",
			seen: ok
				? `${out.trim().split("\n").length} lines, from received to ended, approved by frank`
				: `exit ${code}, missing ${missing.join(", ")}`,
		};
	}

	async noStory(): Promise<Seen> {
		const { code, out } = await this.callers.auditShow("erin", this.heldCall);
		return {
			ok: code !== 0 && !out.includes("call.received"),
			expected: "refused",
			seen: code === 0 ? "an answer" : `refused (exit ${code})`,
		};
	}

	async nothingStored(stack: Stack): Promise<Seen> {
		const account = await this.callers.bankAccount();
		const secrets = {
			"card number": account.card,
			"e-mail": account.customer.email,
			"bank key": this.callers.bankKey,
			"token of ci": await this.callers.token("ci"),
			"token of dana": await this.callers.token("dana"),
		};
		// A search that finds nothing proves something only if it finds what is there.
		const found = await findStored(stack, { ...secrets, canary: this.heldCall });
		const leaks = found.filter(({ name }) => name !== "canary");
		const places = new Set(found.filter(({ name }) => name === "canary").map(({ place }) => place));
		const ok = leaks.length === 0 && ["nats", "opensearch documents", "slack"].every((place) => places.has(place));
		return {
			ok,
			expected: "nothing found but the call's own id, which is in NATS, OpenSearch and Slack",
			seen:
				leaks.length === 0
					? `the id in ${[...places].join(", ")}; nothing else`
					: leaks.map(({ name, place, file }) => `${name} in ${place} (${file})`).join("; "),
		};
	}
}
