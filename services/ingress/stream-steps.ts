// The steps of one call as server-sent events, from its beginning to its ending, as they become durable.
import { Readable } from "node:stream";
import { stepsOf } from "#libs/bus/permissions.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { IngressPorts } from "./ports.ts";
import type { OwnCall } from "./show-call.ts";

/** Proxies close what is silent for a minute. */
const heartbeatMs = 15_000;
/** A call that nobody decides is not watched for ever; clients of server-sent events connect again by themselves. */
const streamMsMax = 3_600_000;

export class StepStreams {
	private readonly max: number;
	private open = 0;
	constructor(max: number) {
		this.max = max;
	}

	/** @throws {Refusal} `too_many_requests` */
	async stream({ bus }: Pick<IngressPorts, "bus">, own: OwnCall): Promise<Readable> {
		if (this.open >= this.max) throw new Refusal("too_many_requests", { detail: "too many event streams are open here" });
		this.open++;
		const out = new Readable({ read: () => undefined });
		const write = (type: string, data: object) => out.push(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
		write("call.received", { call: own.call, time: own.receivedAt, connection: own.connection, function: own.function });
		let ended = false;
		const handle = ({ event }: { event: CallgateEvent }) => {
			const shown = ended ? undefined : stepOf(event);
			if (!shown) return;
			write(event.type, { call: own.call, time: event.time, ...shown });
			if (event.type === "call.ended") {
				ended = true;
				out.push(null);
			}
		};
		const following = await Promise.all(stepsOf(own.call).map((filter) => bus.follow({ filter, from: "beginning", handle })));
		const heartbeat = setInterval(() => out.push(": still here\n\n"), heartbeatMs);
		const end = setTimeout(() => out.push(null), streamMsMax);
		out.once("close", () => {
			this.open--;
			clearInterval(heartbeat);
			clearTimeout(end);
			for (const one of following) void one.stop();
		});
		return out;
	}
}

/** What a caller may know of each step; of who voted it learns with the ending. */
function stepOf(event: CallgateEvent): object | undefined {
	switch (event.type) {
		case "approval.asked": {
			const { rules, reasons, terms } = event.data;
			return { rules, reasons, groups: terms.requirements.map(({ anyOf }) => anyOf), expiresAt: terms.expiresAt };
		}
		case "approval.voted":
			return { verdict: event.data.verdict };
		case "approval.escalated":
			return { to: event.data.to };
		case "call.granted":
			return { rules: event.data.rules };
		case "call.started":
			return { attempt: event.data.attempt };
		case "call.ended": {
			const { ending, code, detail, rules, reasons, by, status, findings } = event.data;
			return { ending, code, detail, rules, reasons, by, status, findings };
		}
		default:
			return undefined;
	}
}
