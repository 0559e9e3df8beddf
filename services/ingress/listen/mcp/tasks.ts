// A call as a task, for clients that need not wait for it: the task is the call, and what is told of it is read from the record each time.
// https://modelcontextprotocol.io/extensions/tasks (2026-07-28) and the experimental tasks of 2025-11-25.
import type { FastifyReply } from "fastify";
import { stores } from "#libs/bus/stores.ts";
import { type Caller, callIdPattern } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonObject } from "#libs/contracts/json.ts";
import { problems, Refusal } from "#libs/contracts/problems.ts";
import { type Askable, declaredIn } from "#libs/mcp/questions.ts";
import { cancelCall } from "../../cancel-call.ts";
import type { Ended } from "../../pending-calls.ts";
import type { IngressPorts } from "../../ports.ts";
import { type OwnCall, showCall, stateOf } from "../../show-call.ts";
import { retryAfterSeconds, type WaitsFor, waitsForOf } from "../../waits-for.ts";
import { makeRoomFor } from "../door.ts";
import { fault, rpc, tasksExtension } from "../read-mcp.ts";
import type { Asking } from "./meant.ts";
import { type Outcome, type OutcomeTerms, outcomeOf } from "./outcome.ts";
import { type Asked, complete, problemFault, sendFault, sendResult, sendResultText } from "./send.ts";
import { cancelQuestion, goOnUnasked, openRequests, type Task, takeAnswers, taskOf } from "./task-inputs.ts";

/** People are waited for in minutes, but an agent that polls this often costs little. */
const pollIntervalMsMax = 5_000;

export interface TaskAsked extends Asked {
	readonly method: string;
	readonly params: JsonObject;
	/** Whether the client says with this request that it speaks the extension. */
	readonly takesTasks: boolean;
}

interface TaskRequest extends Asking {
	readonly asked: TaskAsked;
	readonly reply: FastifyReply;
	readonly gone: AbortSignal;
	readonly traceparent: string;
	/** How long `tasks/result` of 2025-11-25 waits. */
	readonly waitMs: number;
}

type Ports = IngressPorts;

/** Answers a request about a task; undefined where there is no such method in its revision. */
export function answerTask(ports: Ports, request: TaskRequest): Promise<FastifyReply> | FastifyReply | undefined {
	const { asked, reply } = request;
	const verb = (asked.isModern ? modernVerbs : olderVerbs).get(asked.method);
	if (!verb) return undefined;
	if (asked.isModern && !asked.takesTasks) return sendFault(reply, asked.id, missingTasks, "malformed_request");
	return answerKnown(ports, request, verb);
}

export const missingTasks = fault(rpc.missingCapability, "Missing required client capability", 400, {
	requiredCapabilities: { extensions: { [tasksExtension]: {} } },
});

type Verb = (ports: Ports, task: Task, request: TaskRequest) => Promise<FastifyReply> | FastifyReply;

const modernVerbs = new Map<string, Verb>([
	["tasks/get", sendTask],
	["tasks/update", update],
	["tasks/cancel", cancel],
]);
const olderVerbs = new Map<string, Verb>([
	["tasks/get", sendOlderTask],
	["tasks/result", sendOlderResult],
	["tasks/cancel", cancelOlder],
]);

async function answerKnown(ports: Ports, request: TaskRequest, verb: Verb): Promise<FastifyReply> {
	const { asked, reply } = request;
	const task = await findTask(ports, request, asked.params.taskId);
	if (!task) return sendFault(reply, asked.id, fault(rpc.params, "No task of yours has this id", 200), "not_found");
	reply.header("callgate-call", task.call);
	return await verb(ports, task, request);
}

/** A client says with each request what it can be asked for. */
export function askableOf({ _meta }: JsonObject): Askable[] {
	return declaredIn(isJsonObject(_meta) ? _meta["io.modelcontextprotocol/clientCapabilities"] : undefined);
}

/** A task's id is a call's: nobody can guess it, and it is of use to its caller alone. */
export async function findTask(ports: Ports, { caller, only }: Asking, taskId: unknown): Promise<Task | undefined> {
	if (typeof taskId !== "string" || !callId.test(taskId)) return undefined;
	try {
		const first = await showCall(ports, caller, taskId);
		return only === undefined || first.connection === only ? await taskOf(ports, caller, first) : undefined;
	} catch (error) {
		if (error instanceof Refusal && error.code === "not_found") return undefined;
		throw error;
	}
}

const callId = new RegExp(callIdPattern);

type Seed = Pick<Task, "taskId" | "call" | "receivedAt" | "standing">;

/** The members that a task has in both revisions, whatever their names for durations. */
async function seedOf({ bus, clock }: Ports, { taskId, call, receivedAt, standing }: Seed) {
	const waitsFor = standing.state === "held" ? await waitsForOf(bus, call) : undefined;
	const { ended } = standing;
	const pollIntervalMs = Math.min(retryAfterSeconds(waitsFor, clock.now()) * 1_000, pollIntervalMsMax);
	const statusMessage = ended ? `The call is ${standing.state}.` : messageOf(standing.state, waitsFor);
	return { taskId, statusMessage, createdAt: receivedAt, lastUpdatedAt: ended?.time ?? receivedAt, pollIntervalMs };
}

/** For people and models: a held call says for whom it waits, how many votes it has and until when. */
function messageOf(state: string, waitsFor: WaitsFor | undefined): string {
	if (state !== "held") return "The call was accepted and has not ended.";
	const groups = waitsFor?.requirements.map(({ groups, quorum, votes }) => `${votes} of ${quorum} of ${groups.join(" or ")}`);
	return `The call waits for people to approve it${groups ? `: ${groups.join(", and ")}, until ${waitsFor?.expiresAt}` : ""}.`;
}

/** The call goes on, and its caller is told how to ask for it. */
export async function sendCreated(
	ports: Ports,
	reply: FastifyReply,
	{ id, isModern }: Asked,
	created: Omit<Seed, "taskId">,
): Promise<FastifyReply> {
	const { pollIntervalMs, ...seed } = await seedOf(ports, { ...created, taskId: created.call });
	const task = { ...seed, status: "working" };
	const result = isModern
		? { ...complete, resultType: "task", ...task, ttlMs: stores.calls.ageMaxMs, pollIntervalMs }
		: { task: { ...task, ttl: stores.calls.ageMaxMs, pollInterval: pollIntervalMs } };
	return sendResultText(reply, id, JSON.stringify(result));
}

async function sendTask(ports: Ports, found: Task, request: TaskRequest): Promise<FastifyReply> {
	const { asked, caller, reply, gone, traceparent } = request;
	const { ended } = found.standing;
	if (ended) makeRoomFor(ended, ports.intake, caller, reply);
	const asker = { caller, askable: askableOf(asked.params), traceparent, gone };
	const task = (await goOnUnasked(ports, found, asker)) ? ((await findTask(ports, request, found.taskId)) ?? found) : found;
	return sendResultText(reply, asked.id, (await taskText(ports, task, complete, asker)).text);
}

/** What is no answer to anything that is open is left out, so that a client may say it again. */
async function update(ports: Ports, task: Task, request: TaskRequest): Promise<FastifyReply> {
	const { asked, caller, reply, gone, traceparent } = request;
	const { inputResponses } = asked.params;
	if (!isJsonObject(inputResponses))
		return sendFault(reply, asked.id, fault(rpc.params, "expected an object of inputResponses", 200), "malformed_request");
	try {
		const asker = { caller, askable: askableOf(asked.params), traceparent, gone };
		const wrong = await takeAnswers(ports, task, inputResponses, asker);
		return wrong ? sendFault(reply, asked.id, wrong, "invalid_arguments") : sendResult(reply, asked, {});
	} catch (error) {
		// What is said by a status is said so everywhere: that it may be tried again, and that another token is needed.
		if (!(error instanceof Refusal) || error.code === "insufficient_scope" || problems[error.code].status >= 429) throw error;
		return sendFault(reply, asked.id, problemFault(error.code, error.details), error.code);
	}
}

interface TaskText {
	readonly text: string;
	readonly status: "working" | "input_required" | "completed" | "failed" | "cancelled";
}

/** A task of 2026-07-28 as JSON text, with all that is known of it. @param more members beside it */
export async function taskText(ports: Ports, task: Task, more: object, terms: Pick<OutcomeTerms, "askable" | "gone">): Promise<TaskText> {
	const seed = { ...more, ...(await seedOf(ports, task)), ttlMs: stores.calls.ageMaxMs };
	const written = (status: TaskText["status"], own: object = {}): TaskText => ({
		text: JSON.stringify({ ...seed, status, ...own }),
		status,
	});
	const { ended } = task.standing;
	if (!ended) return written("working");
	if (ended.data.ending === "cancelled" || task.kept?.isCancelled) return written("cancelled");
	const outcome = await outcomeOf(ports, ended, { isModern: true, method: "tools/call", ...terms });
	if (task.kept && outcome.asks) {
		if (outcome.kind === "fault") return written("working", { statusMessage: outcome.fault.message });
		return written("input_required", { statusMessage: "The function asks something.", inputRequests: openRequests(task, outcome.text) });
	}
	if (outcome.kind === "result")
		return { text: `${written("completed").text.slice(0, -1)},"result":${outcome.text}}`, status: "completed" };
	const { code, message } = outcome.fault;
	return written("failed", { error: { code, message } });
}

/** What has ended, or runs, stays so: the client is told that it was heard, and learns by asking what became of it. */
async function cancel(ports: Ports, task: Task, { asked, caller, reply, gone }: TaskRequest): Promise<FastifyReply> {
	await withdraw(ports, caller, task.call);
	await cancelQuestion(ports, task, { caller, askable: askableOf(asked.params), gone });
	return sendResult(reply, asked, {});
}

/** Cancels a call that still waits for people. Any other goes on. */
export async function withdraw(ports: Ports, caller: Caller, call: string): Promise<void> {
	try {
		await cancelCall(ports, caller, call);
	} catch (error) {
		if (!(error instanceof Refusal) || error.code !== "already_settled") throw error;
	}
}

/** In 2025-11-25 a tool's error is a failed task. */
function olderStatusOf(ended: Ended | undefined, outcome: Outcome | undefined): string {
	if (!ended || !outcome) return "working";
	if (ended.data.ending === "cancelled") return "cancelled";
	return outcome.kind === "result" && !outcome.isError ? "completed" : "failed";
}

async function sendOlderTask(ports: Ports, own: Task, { asked, caller, reply, gone }: TaskRequest): Promise<FastifyReply> {
	const { ended } = own.standing;
	if (ended) makeRoomFor(ended, ports.intake, caller, reply);
	const { pollIntervalMs: pollInterval, ...seed } = await seedOf(ports, own);
	const status = olderStatusOf(
		ended,
		ended && (await outcomeOf(ports, ended, { isModern: false, method: "tools/call", askable: [], gone })),
	);
	return sendResult(reply, asked, { ...seed, status, ttl: stores.calls.ageMaxMs, pollInterval });
}

async function cancelOlder(ports: Ports, own: Task, request: TaskRequest): Promise<FastifyReply> {
	const { asked, caller, reply } = request;
	if (own.standing.ended)
		return sendFault(reply, asked.id, fault(rpc.params, `The task has ended: it is ${own.standing.state}`, 200), "already_settled");
	await withdraw(ports, caller, own.call);
	return await sendOlderTask(ports, { ...own, standing: await stateOf(ports, own) }, request);
}

/** Waits as long as any call is waited for; a client that is told that it has not ended asks again. */
async function sendOlderResult(ports: Ports, own: OwnCall, { asked, caller, reply, gone, waitMs }: TaskRequest): Promise<FastifyReply> {
	const ended = own.standing.ended ?? (await awaitEnding(ports, own, waitMs, gone));
	if (!ended) return sendFault(reply, asked.id, fault(rpc.internal, "The task has not ended: ask again", 200), "not_ready");
	makeRoomFor(ended, ports.intake, caller, reply);
	const meta = { "io.modelcontextprotocol/related-task": { taskId: own.call } };
	const outcome = await outcomeOf(ports, ended, { isModern: false, method: "tools/call", askable: [], meta, gone });
	return outcome.kind === "result"
		? sendResultText(reply, asked.id, outcome.text)
		: sendFault(reply, asked.id, outcome.fault, outcome.refused);
}

export async function awaitEnding(ports: Ports, own: OwnCall, waitMs: number, gone: AbortSignal): Promise<Ended | undefined> {
	const wait = ports.pending.listen(own.call, own.pool);
	try {
		// It may have ended before this began to listen.
		return (await stateOf(ports, own)).ended ?? (await wait.ended(waitMs, gone));
	} finally {
		wait.cancel();
	}
}
