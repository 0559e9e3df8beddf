// What is told of functions that are not what was pinned: each difference once, beside the call and never in its way.
import { expect, test } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { DialError } from "./dial-error.ts";
import { Bench } from "./granted-call.test-support.ts";
import { Quarantine, type Quarantined } from "./quarantine.ts";

const revision = `sha256:${"0".repeat(64)}`;
const found = (more: Partial<Quarantined> = {}): Quarantined => ({
	connection: "tools",
	function: "say",
	changed: ["description"],
	revision,
	...more,
});

test("a difference is told once, another one too, and one under another revision", async () => {
	const stream = new MemoryStream();
	const bus = createMemoryBus(stream, "executor");
	const tally = tellRefusals("control.function.quarantined", "executor", { bus, log: { error: () => undefined } });
	const quarantine = new Quarantine(tally);
	for (let call = 0; call < 50; call++) quarantine.note(found());
	quarantine.note(found({ changed: ["gone"] }));
	quarantine.note(found({ revision: `sha256:${"1".repeat(64)}` }));
	await tally.close();
	expect(stream.events().map(({ type, data }) => [type, data])).toEqual([
		["control.function.quarantined", { ...found(), count: 1 }],
		["control.function.quarantined", { ...found({ changed: ["gone"] }), count: 1 }],
		["control.function.quarantined", { ...found({ revision: `sha256:${"1".repeat(64)}` }), count: 1 }],
	]);
	await bus.close();
});

test("what is remembered is bounded: the oldest is told again", () => {
	const noted: Quarantined[] = [];
	const quarantine = new Quarantine({ note: (one) => void noted.push(one) });
	for (let index = 0; index < 1_001; index++) quarantine.note(found({ function: `f${index}` }));
	quarantine.note(found({ function: "f1000" }));
	quarantine.note(found({ function: "f0" }));
	expect(noted.length).toBe(1_002);
});

test("an executor notes what a dial found, and that alone", async () => {
	const noted: Quarantined[] = [];
	const bench = new Bench();
	const failing = async (error: DialError) => {
		bench.dialer.answering = () => Promise.reject(error);
		await bench.run({}, { quarantine: { note: (one) => void noted.push(one) } });
	};
	await failing(new DialError("connection_reset", "no", { sent: false }));
	await failing(new DialError("definition_changed", "other", { sent: false, changed: ["title", "inputSchema"] }));
	expect(noted).toMatchObject([{ connection: "bank", function: "createTransfer", changed: ["title", "inputSchema"] }]);
});
