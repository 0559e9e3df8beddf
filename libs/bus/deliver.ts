// What happens to a delivered message, the same in every adapter: its events are handled one by one, a bad one is parked alone, and the message is done when all of them are.
import { setTimeout as delay } from "node:timers/promises";
import { callIdPattern } from "#libs/contracts/call.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { callOf, decodeEvents, MalformedEvent, newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import {
	type BatchOptions,
	type Bus,
	type ConsumeOptions,
	type Delivery,
	EventsUnavailable,
	type Handler,
	NotYet,
	type Position,
	type StoredEvent,
	Unprocessable,
} from "./bus.ts";

/** A message as an adapter hands it over. */
export interface Message {
	readonly subject: string;
	readonly bytes: Uint8Array;
	readonly position: Position;
	readonly tries: number;
	readonly storedAt: Date;
	/** Done: never deliver it again. */
	ack(): void;
	/** Deliver it again after a while. */
	retry(delayMs: number): void;
}

/** Where the deliverer tells of what a person may have to look at. Only names and codes, never values. */
export interface DeliveryLog {
	retried(about: { type: string; call?: string | undefined; position: Position; tries: number; error: unknown }): void;
	parked(about: { position: Position; item: number; fault: string; call?: string | undefined }): void;
}

interface Deliverer {
	readonly service: Service;
	readonly handle: Handler;
	readonly options: ConsumeOptions;
	readonly publish: (event: CallgateEvent) => Promise<unknown>;
	readonly log: DeliveryLog;
	readonly now: () => Date;
}

/** Ten tries with the delays below are about two minutes: longer than a restart of anything, shorter than an approver's patience. */
const triesMaxDefault = 10;

const retryDelayMaxMs = 30_000;

export function retryDelayMs(tries: number): number {
	return Math.min(retryDelayMaxMs, 100 * 2 ** Math.min(tries, 9));
}

/** What is known here of a message that comes again because one of its events was not done. */
interface Progress {
	readonly finished: Set<number>;
	/** How often an event failed for a reason that counts. Deliveries do not tell: most of them may have been nobody's fault. */
	readonly failures: Map<number, number>;
}

/** Messages remembered at once: some of them are redelivered to another replica and never seen here again. */
const progressMax = 10_000;

/** Handles messages: each is acknowledged when all its events are handled or parked, and comes again for those that are not. */
export function createDeliverer(deliverer: Deliverer): (message: Message) => Promise<void> {
	const begun = new Map<Position, Progress>();

	return async function deliver(message: Message): Promise<void> {
		const progress = begun.get(message.position) ?? { finished: new Set(), failures: new Map() };
		const waits = await Promise.all(
			readItems(message).map(async (item, index) => {
				if (progress.finished.has(index)) return [];
				const after = await deliverItem(deliverer, message, item, index, progress);
				if (after !== "done") return [after];
				progress.finished.add(index);
				return [];
			}),
		);
		begun.delete(message.position);
		const open = waits.flat();
		if (open.length === 0) return message.ack();
		begun.set(message.position, progress);
		for (const oldest of begun.keys()) {
			if (begun.size <= progressMax) break;
			begun.delete(oldest);
		}
		message.retry(Math.min(...open));
	};
}

type Item = ReturnType<typeof decodeEvents>[number];

function readItems(message: Message): Item[] {
	try {
		return decodeEvents(message.subject, message.bytes);
	} catch (error) {
		if (error instanceof MalformedEvent) return [{ ok: false, fault: error.message }];
		throw error;
	}
}

/** Handles or parks one item; where neither is possible now, after how many milliseconds to try again. Never rejects: its neighbours are in work. */
async function deliverItem(
	deliverer: Deliverer,
	message: Message,
	item: Item,
	index: number,
	{ failures }: Progress,
): Promise<"done" | number> {
	const { position, tries, storedAt } = message;
	if (!item.ok) return await park(deliverer, message, index, item.fault);
	const { event } = item;
	try {
		await deliverer.handle(event, { position, item: index, tries, storedAt });
		return "done";
	} catch (error) {
		if (error instanceof NotYet) return error.afterMs;
		const failed = (failures.get(index) ?? 0) + (error instanceof EventsUnavailable ? 0 : 1);
		failures.set(index, failed);
		const final = error instanceof Unprocessable || failed >= (deliverer.options.triesMax ?? triesMaxDefault);
		if (final) return await park(deliverer, message, index, faultOf(error), event);
		deliverer.log.retried({ type: event.type, call: callOf(event.data), position, tries, error });
		return retryDelayMs(tries);
	}
}

/** What went wrong, by name: an unexpected error's message may hold a value, so only its class is told. */
function faultOf(error: unknown): string {
	if (error instanceof Unprocessable) return error.message;
	return error instanceof Error ? `${error.name} on every try` : "failed on every try";
}

/** Sets an item aside with a last word and an alert. Where they cannot be stored now the item comes again, and is parked then. */
async function park(deliverer: Deliverer, message: Message, item: number, fault: string, event?: CallgateEvent): Promise<"done" | number> {
	try {
		await sayParked(deliverer, message, item, fault, event);
		return "done";
	} catch (error) {
		if (error instanceof NotYet) return error.afterMs;
		const { position, tries } = message;
		deliverer.log.retried({ type: event?.type ?? "message", call: event && callOf(event.data), position, tries, error });
		return retryDelayMs(tries);
	}
}

async function sayParked(deliverer: Deliverer, message: Message, item: number, fault: string, event?: CallgateEvent): Promise<void> {
	const named = event && callOf(event.data);
	const call = named && new RegExp(callIdPattern).test(named) ? named : undefined;
	if (event) await deliverer.options.onParked?.(event, fault);
	const parked = newEvent(
		deliverer.service,
		"control.message.parked",
		{
			service: deliverer.service,
			position: message.position,
			item,
			tries: message.tries,
			fault: fault.slice(0, 512),
			...(call && { call }),
		},
		{ at: deliverer.now(), about: `message-${message.position}`, nth: `${deliverer.service}-${item}` },
	);
	await deliverer.publish(parked);
	deliverer.log.parked({ position: message.position, item, fault, call });
}

/** Runs at most `concurrency` at once; the rest waits in order, until nothing more is begun. `idle` resolves when nothing is in work. */
export class Slots {
	private free: number;
	private readonly waiting: ((isTurn: boolean) => void)[] = [];
	private inWork = 0;
	private isClosed = false;
	constructor(concurrency: number) {
		this.free = concurrency;
	}
	/** Resolves with whether `work` was done: not if nothing more was begun when its turn came. */
	async run(work: () => Promise<void>): Promise<boolean> {
		if (this.isClosed) return false;
		if (this.free > 0) this.free--;
		else if (!(await new Promise<boolean>((resolve) => this.waiting.push(resolve)))) return false;
		this.inWork++;
		try {
			await work();
			return true;
		} finally {
			this.inWork--;
			const next = this.waiting.shift();
			if (next) next(true);
			else this.free++;
		}
	}
	/** Begins nothing more: what still waits never gets its turn. */
	close(): void {
		this.isClosed = true;
		for (const turn of this.waiting.splice(0)) turn(false);
	}
	/** Waits for what is in work, but not for ever: what is left is delivered again elsewhere. */
	async idle(waitMsMax: number): Promise<boolean> {
		const until = performance.now() + waitMsMax;
		while (this.inWork > 0 && performance.now() < until) await delay(10);
		return this.inWork === 0;
	}
}

/** Messages that wait for their batch to be settled, together: decoded they take several times as much. */
const heldBytesDefault = 32 * 1024 * 1024;

/**
 * Gathers events into batches and settles each message with its batch: acknowledged together, or delivered again together. One batch is in
 * work at a time, and what arrives meanwhile is the next one: the slower the work, the larger the batches.
 */
export function collectBatches(handle: Parameters<Bus["consumeBatches"]>[0], options: BatchOptions, log: DeliveryLog) {
	type Read = { message: Message; events: (StoredEvent & Delivery)[] };
	const { heldBytesMax = heldBytesDefault } = options;
	const gathered: Read[] = [];
	/** Messages that are not gathered yet: something in them is being parked. */
	const reading = new Set<Promise<void>>();
	let heldBytes = 0;
	let timer: NodeJS.Timeout | undefined;
	let settling: Promise<void> | undefined;

	async function settle(taken: readonly Read[]): Promise<void> {
		try {
			await handle(taken.flatMap(({ events }) => events));
			for (const { message } of taken) message.ack();
		} catch (error) {
			const [first] = taken;
			if (first) log.retried({ type: "batch", position: first.message.position, tries: first.message.tries, error });
			for (const { message } of taken) message.retry(retryDelayMs(message.tries));
		} finally {
			for (const { message } of taken) heldBytes -= message.bytes.length;
		}
	}

	/** How many of the messages that were gathered make a full batch, if they do. One message alone may hold more. */
	function fullBatch(): number | undefined {
		let events = 0;
		const last = gathered.findIndex((read) => {
			events += read.events.length;
			return events >= options.eventsMax;
		});
		return last === -1 ? undefined : last + 1;
	}

	function flush(): void {
		clearTimeout(timer);
		timer = undefined;
		if (settling || gathered.length === 0) return;
		settling = settle(gathered.splice(0, fullBatch() ?? gathered.length)).then(() => {
			settling = undefined;
			schedule();
		});
	}

	function schedule(): void {
		if (settling || gathered.length === 0) return;
		if (fullBatch() !== undefined) flush();
		else timer ??= setTimeout(flush, options.waitMs);
	}

	async function readMessage(message: Message): Promise<Read> {
		const events: (StoredEvent & Delivery)[] = [];
		const { position, tries, storedAt } = message;
		for (const [item, decoded] of readItems(message).entries()) {
			if (decoded.ok) events.push({ event: decoded.event, position, item, tries, storedAt });
			else await options.onMalformed(decoded.fault, { position, item, tries, storedAt });
		}
		return { message, events };
	}

	return {
		add(message: Message): void {
			// While nothing can be settled the server goes on delivering: what does not fit is given back, and comes again later.
			if (heldBytes > 0 && heldBytes + message.bytes.length > heldBytesMax) {
				message.retry(retryDelayMs(message.tries));
				return;
			}
			heldBytes += message.bytes.length;
			const arriving = readMessage(message).then(
				(read) => {
					gathered.push(read);
					schedule();
				},
				(error: unknown) => {
					heldBytes -= message.bytes.length;
					log.retried({ type: "message", position: message.position, tries: message.tries, error });
					message.retry(retryDelayMs(message.tries));
				},
			);
			reading.add(arriving);
			void arriving.finally(() => reading.delete(arriving));
		},
		async finish(): Promise<void> {
			while (settling || gathered.length > 0 || reading.size > 0) {
				await Promise.all(reading);
				flush();
				await settling;
			}
		},
	};
}
