// Doing to the system what was planned.
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { CrashPoint } from "#libs/service/crash-point.ts";
import type { RunningServer } from "../../infra/local/run-server.ts";
import type { Stack } from "../../infra/local/stack.ts";
import { retention } from "./configuration.ts";
import { fillDisk } from "./do-disk.ts";
import { beTooBusy, poisonIndex } from "./do-opensearch.ts";
import { overtakeExecutor } from "./do-overtake.ts";
import { fillStream, forgetAcknowledgements } from "./do-stream.ts";
import { trimWhileItFlows } from "./do-trim.ts";
import type { FaultParts } from "./fault-parts.ts";
import { expireWithoutValkey, moveClock } from "./move-clocks.ts";
import type { StoredMessage } from "./operator.ts";
import type { Fault } from "./plan-faults.ts";
import { poisonStream } from "./poison.ts";
import type { Target } from "./processes.ts";
import { createRandom } from "./random.ts";
import { adminAccess, setReadOnly } from "./read-record.ts";
import { runTwoVersions } from "./run-two-versions.ts";

/** Moments that only one replica at a time can come to, whichever has the lease. */
const leased: ReadonlySet<CrashPoint> = new Set(["after-segment-before-tiles"]);

function armedFor({ services }: Stack, { point, target }: Extract<Fault, { kind: "crash" }>): Target[] {
	return leased.has(point) ? services[target.service].map((_, replica) => ({ ...target, replica })) : [target];
}

export async function doFault(parts: FaultParts, fault: Fault): Promise<void> {
	const { stack, processes, operator } = parts;
	switch (fault.kind) {
		case "kill":
			return await processes.kill(fault.target);
		case "crash":
			for (const target of armedFor(stack, fault)) await processes.arm(target, fault.point, fault.nth);
			return;
		case "pause":
			return meanwhile(parts, `${fault.target.service} ${fault.target.replica}`, () => processes.pause(fault.target, fault.pauseMs));
		case "overtake":
			return meanwhile(parts, "overtaking", () => overtakeExecutor(parts, fault));
		case "nats":
			return await away(stack.nats, fault.how, fault.awayMs);
		case "valkey":
			if (fault.how === "kill") return await away(stack.valkey, "kill", fault.awayMs);
			return await flush(stack);
		case "opensearch":
			// It takes long to come back: calls go on meanwhile.
			if (fault.how === "kill") return meanwhile(parts, "opensearch", () => away(stack.openSearch, "kill", fault.awayMs));
			if (fault.how === "too-busy") return meanwhile(parts, "opensearch", () => beTooBusy(parts, fault.awayMs));
			return meanwhile(parts, "opensearch", () => readOnly(stack, fault.awayMs));
		case "stream-full":
			return await fillStream(parts, fault);
		case "disk-full":
			return await fillDisk(parts, fault);
		case "trim":
			return await trimWhileItFlows(parts, fault);
		case "redeliver":
			return await forgetAcknowledgements(parts, fault);
		case "clock":
			return await moveClock(parts, fault);
		case "valkey-later":
			return await expireWithoutValkey(parts, fault);
		case "two-versions":
			return meanwhile(parts, "versions", () => runTwoVersions(parts, fault));
		case "copies":
			return await copy(parts, fault);
		case "poison":
			parts.poison.push(...(await poisonStream(operator, stack.keys, own(parts), fault.pick)));
			parts.poison.push(await poisonIndex(operator));
			return;
	}
}

/** One such thing at a time to each: two at once would each end the other's. */
function meanwhile({ background }: FaultParts, to: string, work: () => Promise<void>): void {
	if (background.has(to)) return;
	background.set(
		to,
		work().finally(() => background.delete(to)),
	);
}

async function away(server: RunningServer, how: "kill" | "restart", awayMs: number): Promise<void> {
	if (how === "kill") {
		await server.kill("SIGKILL");
		await delay(awayMs);
	}
	await server.restart();
}

async function flush({ valkey }: Stack): Promise<void> {
	const { hostname, port, password } = new URL(valkey.url);
	await new Promise<void>((resolve, reject) => {
		const socket = connect(Number(port), hostname, () => socket.write(`AUTH ${password}\r\nFLUSHALL\r\n`));
		let text = "";
		socket.on("data", (chunk) => {
			text += chunk;
			if (/\+OK\r\n\+OK\r\n/.test(text)) {
				socket.destroy();
				resolve();
			}
		});
		socket.on("error", reject);
		socket.on("close", () => resolve());
	});
}

async function readOnly(stack: Stack, awayMs: number): Promise<void> {
	const access = await adminAccess(stack);
	await setReadOnly(access, true);
	await delay(awayMs);
	await setReadOnly(access, false);
}

/** Messages that are not the harness's own. */
function own({ seen, poison }: FaultParts): StoredMessage[] {
	const given = new Set(poison.map(({ sequence }) => sequence));
	return seen.filter(({ sequence }) => !given.has(sequence));
}

/** Old messages once more, out of order, without the broker's duplicate key: as a broker that forgot would deliver them. */
async function copy(parts: FaultParts, { count, pick }: Extract<Fault, { kind: "copies" }>): Promise<void> {
	const random = createRandom(pick, "copies");
	// Who says something a second time does so while what guards against it is kept: see trim-stream.ts. What is older comes again by `redeliver`.
	const sayableMs = retention.guardMs / 2;
	const since = Date.now() - sayableMs;
	const ours = new Set(parts.copies);
	const messages = own(parts).filter(({ at, sequence }) => at > since && !ours.has(sequence));
	for (let nth = 0; nth < count && messages.length > 0; nth++) {
		const message = messages[random.integer(messages.length)];
		// The stream may be away for a while in between.
		const copied = message && (await parts.operator.publishBefore(message.at + sayableMs, message.subject, message.bytes));
		if (copied !== undefined) parts.copies.push(copied);
	}
}
