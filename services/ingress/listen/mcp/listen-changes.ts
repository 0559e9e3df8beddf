// `subscriptions/listen` of 2026-07-28: a stream of what changes for this caller alone, that is its lists, and its tasks that end.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions, and the tasks extension for `taskIds`.
import { once } from "node:events";
import { Readable, type Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { FastifyReply } from "fastify";
import { stores } from "#libs/bus/stores.ts";
import { type Caller, sameCaller } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonObject } from "#libs/contracts/json.ts";
import type { Askable } from "#libs/mcp/questions.ts";
import { problemOf } from "#libs/service/http.ts";
import type { Ended } from "../../pending-calls.ts";
import { stateOf } from "../../show-call.ts";
import { type DoorPorts, takeRoomFor } from "../door.ts";
import { fault, type ReadMessage, type RequestId, rpc } from "../read-mcp.ts";
import { type ChangeableList, changeableLists, digestOfList } from "./lists-seen.ts";
import type { Asking } from "./meant.ts";
import { complete, errorText, eventText, problemFault, resultText, sendFault } from "./send.ts";
import type { Happened, Subscription, Subscriptions } from "./subscriptions.ts";
import type { Task } from "./task-inputs.ts";
import { askableOf, findTask, missingTasks, taskText } from "./tasks.ts";

export interface ListenPorts extends DoorPorts {
	readonly subscriptions: Subscriptions;
}

export interface ListenRequest extends Asking {
	readonly message: Extract<ReadMessage, { kind: "request" }>;
	readonly reply: FastifyReply;
	readonly gone: AbortSignal;
	readonly traceparent: string;
	/** Whose the request's token is by now. @throws {Refusal} */
	readonly admittedStill: () => Promise<Caller>;
	/** Whether the client takes server-sent events. */
	readonly takesEvents: boolean;
}

/** Tasks of one stream; the acknowledgement says which ones. */
const tasksMax = 32;

interface Filter {
	readonly lists: readonly ChangeableList[];
	readonly taskIds: readonly string[];
}

/** What of it there is here. Undefined where it is none; whatever else a client wants is not there, and the acknowledgement says so. */
function filterIn({ notifications }: JsonObject): Filter | undefined {
	if (!isJsonObject(notifications)) return undefined;
	const { taskIds = [], resourceSubscriptions = [] } = notifications;
	const areTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === "string");
	const wants = (list: ChangeableList) => notifications[fieldOf(list)] ?? false;
	if (!areTexts(taskIds) || !areTexts(resourceSubscriptions) || changeableLists.some((list) => typeof wants(list) !== "boolean"))
		return undefined;
	return { lists: changeableLists.filter(wants), taskIds };
}

const fieldOf = (list: ChangeableList) => `${list}ListChanged`;

export async function listenChanges(ports: ListenPorts, request: ListenRequest): Promise<FastifyReply> {
	const { caller, message, reply, gone, admittedStill, takesEvents } = request;
	const filter = filterIn(message.params);
	if (!filter) return sendFault(reply, message.id, fault(rpc.params, "expected a filter of notifications", 200), "malformed_request");
	if (filter.taskIds.length > 0 && !message.takesTasks) return sendFault(reply, message.id, missingTasks, "malformed_request");
	if (!takesEvents)
		return sendFault(reply, message.id, fault(rpc.request, "this is answered with text/event-stream alone", 406), "malformed_request");
	const isAdmitted = () =>
		admittedStill().then(
			(now) => sameCaller(now, caller),
			() => false,
		);
	const subscription = ports.subscriptions.begin(caller, isAdmitted);
	try {
		const listening = await beginListening(ports, subscription, filter, request);
		const events = Readable.from(eventsOf(ports, listening), { objectMode: false });
		subscription.whenGone(() => events.destroy());
		gone.addEventListener("abort", () => subscription.leave());
		events.once("close", () => subscription.leave());
		if (gone.aborted) subscription.leave();
		return reply.header("cache-control", "no-store").type("text/event-stream").send(events);
	} catch (error) {
		subscription.leave();
		throw error;
	}
}

interface Listening extends Pick<ListenRequest, "admittedStill" | "only"> {
	readonly id: RequestId;
	readonly askable: readonly Askable[];
	readonly subscription: Subscription;
	/** What the client was told of each list. */
	readonly seen: Map<ChangeableList, string>;
	readonly taskIds: readonly string[];
	/** Tasks that ask, and by which call: they go on when somebody answers, perhaps at another replica. */
	readonly asking: Map<string, string>;
	/** To its client. */
	readonly wire: Writable;
}

async function beginListening(
	ports: ListenPorts,
	subscription: Subscription,
	filter: Filter,
	{ caller, only, message, reply, admittedStill }: ListenRequest,
): Promise<Listening> {
	const seen = new Map<ChangeableList, string>();
	const listening = { id: message.id, only, askable: askableOf(message.params), subscription, seen, admittedStill, wire: reply.raw };
	for (const list of filter.lists) seen.set(list, await digestNow(ports, { caller, only }, list));
	const taskIds: string[] = [];
	for (const taskId of new Set(filter.taskIds.slice(0, tasksMax))) {
		const own = await findTask(ports, { caller, only }, taskId);
		if (!own) continue;
		await watchTask(ports, own, subscription);
		taskIds.push(taskId);
	}
	return { ...listening, taskIds, asking: new Map() };
}

function digestNow({ subscriptions, configuration, clock }: ListenPorts, asking: Asking, list: ChangeableList): Promise<string> {
	return subscriptions.inTurn(() => digestOfList(configuration.current(), asking, list, clock.now()));
}

/** @throws {Refusal} `too_many_requests` */
async function watchTask(ports: ListenPorts, task: Task, subscription: Subscription): Promise<void> {
	const { taskId } = task;
	const wait = ports.pending.listen(task.call, task.pool);
	subscription.whenGone(() => wait.cancel());
	const tell = (ended: Ended | undefined) => {
		wait.cancel();
		if (ended) subscription.taskStopped(taskId);
	};
	// It may have ended before this began to listen.
	const { ended } = await stateOf(ports, task);
	if (ended) tell(ended);
	else void wait.ended(stores.calls.ageMaxMs, subscription.gone).then(tell);
}

/** The acknowledgement, then what changes, and at last the answer to the request: whoever hears that knows that nothing was lost on the way. */
async function* eventsOf(ports: ListenPorts, listening: Listening): AsyncGenerator<string, void> {
	const { id, seen, taskIds, subscription } = listening;
	const lists = Object.fromEntries([...seen.keys()].map((list) => [fieldOf(list), true]));
	const notifications = { ...lists, ...(taskIds.length > 0 && { taskIds }) };
	yield notice(id, "notifications/subscriptions/acknowledged", { notifications });
	const isEmpty = Object.keys(notifications).length === 0;
	try {
		for (let happened = isEmpty ? undefined : await subscription.next(); happened; happened = await subscription.next()) {
			yield ": still here\n\n";
			yield* changesOf(ports, listening, happened);
		}
		yield eventText(resultText(id, JSON.stringify({ ...complete, _meta: { ...complete._meta, ...ofSubscription(id) } })));
	} catch (error) {
		const { code, details } = problemOf(error);
		if (code === "internal") ports.log.error({ error, code }, "changes could not be passed on");
		yield eventText(errorText(id, problemFault(code, details)));
	}
}

async function* changesOf(
	ports: ListenPorts,
	{ id, only, askable, subscription, seen, asking, admittedStill, wire }: Listening,
	{ mayListsDiffer, stoppedTasks }: Happened,
): AsyncGenerator<string, void> {
	for (const [list, before] of mayListsDiffer ? seen : []) {
		// Its groups may be others by the issuers of this configuration.
		const now = await digestNow(ports, { caller: await admittedStill(), only }, list);
		if (now === before) continue;
		seen.set(list, now);
		yield notice(id, `notifications/${list}/list_changed`, {});
	}
	const own = { caller: subscription.caller, only };
	for (const [taskId, before] of asking) {
		const now = await findTask(ports, own, taskId);
		if (now && now.call === before) continue;
		asking.delete(taskId);
		if (now) await watchTask(ports, now, subscription);
	}
	for (const taskId of stoppedTasks) {
		const task = await findTask(ports, own, taskId);
		if (!task) continue;
		const { ended } = task.standing;
		if (!ended) {
			subscription.againAtNextBeat(taskId);
			continue;
		}
		const giveBack = takeRoomFor(ended, ports.intake, subscription.caller);
		try {
			const { text, status } = await taskText(ports, task, { _meta: ofSubscription(id) }, { askable, gone: subscription.gone });
			if (status === "input_required") asking.set(taskId, task.call);
			yield eventText(`{"jsonrpc":"2.0","method":"notifications/tasks","params":${text}}`);
			await drained(wire, subscription.gone);
		} finally {
			giveBack();
		}
	}
}

/** Until what was passed on has left this process, or nobody takes it any more: for so long it has its room. */
async function drained(wire: Writable, gone: AbortSignal): Promise<void> {
	// Another piece is asked for a moment before the one before it is written.
	await setImmediate();
	if (wire.writableNeedDrain) await once(wire, "drain", { signal: gone }).catch(() => undefined);
}

function notice(id: RequestId, method: string, params: object): string {
	return eventText(JSON.stringify({ jsonrpc: "2.0", method, params: { _meta: ofSubscription(id), ...params } }));
}

/** By the request that began it. */
function ofSubscription(id: RequestId): object {
	return { "io.modelcontextprotocol/subscriptionId": id };
}
