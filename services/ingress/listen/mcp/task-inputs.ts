// A task that asks its client while it is under way. Its call has ended with the question then, and the answers are arguments of the next call, which is decided
// anew; the task goes on under the id that it began with.
import type { Caller } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonObject } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { TaskState } from "#libs/contracts/sealed.ts";
import { type Askable, askableField } from "#libs/mcp/questions.ts";
import { type CheckedCall, checkCall } from "../../accept-call.ts";
import type { IngressPorts } from "../../ports.ts";
import { type OwnCall, showCall } from "../../show-call.ts";
import { submitCall } from "../../submit-call.ts";
import type { RpcFault } from "../read-mcp.ts";
import { outcomeOf } from "./outcome.ts";
import { whyNotContinued } from "./why-not-continued.ts";

/** The call at which a task stands: the one that it began with, unless its function asked something meanwhile. */
export interface Task extends OwnCall {
	readonly taskId: string;
	/** Of a task whose function may ask its client. */
	readonly kept?: KeptTask;
}

interface KeptTask {
	readonly version: number;
	readonly state: TaskState;
	/** Its client wants no answer to its question any more. */
	readonly isCancelled: boolean;
}

/** As it is stored. */
interface Entry {
	readonly call: string;
	readonly sealed: string;
	readonly isCancelled?: boolean;
}

/** So that they fit into an entry of the store of calls, sealed, with as much of answers. */
const argumentsCharsMax = 4_096;
const answersCharsMax = 4_096;

/** Whether a call can ask its client once it is a task: its arguments are kept, to be sent again with the answers. */
export function canAskLater({ prepared }: CheckedCall): boolean {
	return prepared.text.length <= argumentsCharsMax;
}

const keyOf = (taskId: string) => `task.${taskId}`;

/** Its caller must not have heard of it before. */
export async function keepTask(ports: IngressPorts, call: string, { prepared, connection }: CheckedCall): Promise<void> {
	const text = `{"arguments":${prepared.text},"answers":{}}`;
	const entry: Entry = { call, sealed: ports.sealingKeys.sealText(connection.pool, call, "task", text) };
	await ports.bus.store("calls").put(keyOf(call), JSON.stringify(entry));
}

/** @param first the call that the task began with */
export async function taskOf(ports: IngressPorts, caller: Caller, first: OwnCall): Promise<Task> {
	const { call: taskId, connection, function: name, pool, receivedAt } = first;
	const transport = ports.configuration.current().connection(connection)?.function(name)?.transport;
	const mayAsk = transport?.protocol === "mcp" && transport.asks !== undefined;
	const stored = mayAsk ? await ports.bus.store("calls").get(keyOf(taskId)) : undefined;
	if (!stored) return { ...first, taskId };
	const { call, sealed, isCancelled = false } = JSON.parse(stored.value) as Entry;
	const kept = { version: stored.version, state: ports.sealingKeys.open(pool, taskId, "task", sealed), isCancelled };
	const own = call === taskId ? first : await showCall(ports, caller, call);
	return { ...own, receivedAt, taskId, kept };
}

/** Who asks about a task, and what it can be asked for. */
export interface Asker {
	readonly caller: Caller;
	readonly askable: readonly Askable[];
	readonly traceparent?: string | undefined;
	readonly gone: AbortSignal;
}

/** What is asked by the call at which the task stands. */
interface Question {
	readonly inputRequests: JsonObject;
	readonly requestState: string;
}

async function questionOf(ports: IngressPorts, { standing: { ended } }: Task, { askable, gone }: Asker): Promise<Question | undefined> {
	if (ended?.data.ending !== "completed") return undefined;
	const outcome = await outcomeOf(ports, ended, { isModern: true, method: "tools/call", askable, gone });
	return outcome.kind === "result" && outcome.asks ? questionIn(outcome.text) : undefined;
}

function questionIn(text: string): Question {
	const { inputRequests, requestState } = JSON.parse(text) as JsonObject;
	return { inputRequests: isJsonObject(inputRequests) ? inputRequests : {}, requestState: String(requestState) };
}

/** What is not answered yet, under keys that no other question of the task has, whatever the function calls it. */
export function openRequests({ call, kept }: Task, result: string): JsonObject {
	const open = Object.entries(questionIn(result).inputRequests).filter(([key]) => !Object.hasOwn(kept?.state.answers ?? {}, key));
	return Object.fromEntries(open.map(([key, request]) => [`${call}.${key}`, request]));
}

/** A function that wants no answer but to be called again is, and so is one whose answers were all taken by a process that then died. */
export async function goOnUnasked(ports: IngressPorts, task: Task, asker: Asker): Promise<boolean> {
	const question = await openQuestionOf(ports, task, asker);
	if (!question || Object.keys(question.inputRequests).some((key) => !Object.hasOwn(task.kept?.state.answers ?? {}, key))) return false;
	await takeAnswers(ports, task, {}, asker);
	return true;
}

async function openQuestionOf(ports: IngressPorts, task: Task, asker: Asker): Promise<Question | undefined> {
	return task.kept && !task.kept.isCancelled ? await questionOf(ports, task, asker) : undefined;
}

/**
 * Takes answers of a client: what was not asked, and what was answered already, is left out. With the last of them the task goes on.
 * Equal answers that come twice, at whatever replica, are one call.
 *
 * @returns why they are no answers
 * @throws {Refusal} where the next call cannot be made
 */
export async function takeAnswers(ports: IngressPorts, task: Task, responses: JsonObject, asker: Asker): Promise<RpcFault | undefined> {
	const { taskId, call, kept } = task;
	const question = await openQuestionOf(ports, task, asker);
	if (!kept || !question) return undefined;
	const { state } = kept;
	const isOpen = (key: string) => Object.hasOwn(question.inputRequests, key) && !Object.hasOwn(state.answers, key);
	const own = Object.entries(responses).flatMap(([key, answer]) =>
		key.startsWith(`${call}.`) ? [[key.slice(call.length + 1), answer] as const] : [],
	);
	const answers = { ...state.answers, ...Object.fromEntries(own.filter(([key]) => isOpen(key))) };
	const next: TaskState = { ...state, answers, requestState: state.requestState ?? question.requestState };
	const wrong = whyNotContinued(ports, asker.caller, task, { requestState: String(next.requestState), inputResponses: answers });
	if (wrong) return wrong;
	if (JSON.stringify(answers).length > answersCharsMax)
		throw new Refusal("body_too_large", { detail: `the answers of a task are taken up to ${answersCharsMax} characters` });
	// The state first: whoever comes again, here or elsewhere, makes the very same call.
	const version = await write(ports, task, { call }, next);
	if (version === undefined) {
		const now = await taskOf(ports, asker.caller, await showCall(ports, asker.caller, taskId));
		return await takeAnswers(ports, now, responses, asker);
	}
	const isWhole = Object.keys(question.inputRequests).every((key) => Object.hasOwn(answers, key));
	if (isWhole) await goOn(ports, { ...task, kept: { ...kept, version, state: next } }, asker);
	return undefined;
}

async function goOn(ports: IngressPorts, task: Task & { readonly kept: KeptTask }, asker: Asker): Promise<void> {
	const { connection, function: name, call, kept } = task;
	const { arguments: args, answers, requestState = "" } = kept.state;
	const { caller, askable, traceparent, gone } = asker;
	const asked = { ...args, inputResponses: answers, requestState };
	const fields = askable.length === 0 ? [] : [[askableField, askable.join(" ")] as const];
	const checked = await checkCall(
		ports,
		{ caller, connection, function: name, arguments: asked, via: "mcp", fields, idempotencyKey: `task.${call}`, traceparent },
		gone,
	);
	const { call: next } = await ports.intake.through(() => submitCall(ports, checked, { waitMs: 0, gone, attach: false }));
	// Who lost this did so to another that wrote the same.
	await write(ports, task, { call: next }, { arguments: args, answers: {} });
}

/** Its client is told that it is cancelled; there is no call that could be stopped. */
export async function cancelQuestion(ports: IngressPorts, task: Task, asker: Asker): Promise<void> {
	const { call, kept } = task;
	if (!kept || !(await questionOf(ports, task, asker))) return;
	await write(ports, task, { call, isCancelled: true }, kept.state);
}

/** Its version, unless somebody else wrote meanwhile. */
async function write(
	ports: IngressPorts,
	{ taskId, pool, kept }: Task,
	at: Omit<Entry, "sealed">,
	state: TaskState,
): Promise<number | undefined> {
	const entry: Entry = { ...at, sealed: ports.sealingKeys.seal(pool, taskId, "task", state) };
	const written = await ports.bus.store("calls").write(keyOf(taskId), JSON.stringify(entry), kept?.version ?? 0);
	return written.won ? written.position : undefined;
}
