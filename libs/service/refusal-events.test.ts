// Refusals on the record: one that cannot be said as an event does not silence those that come after it.
import { expect, test } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { tellRefusals } from "./refusal-events.ts";

test("one that does not fit its event is reported and told by its number alone, and the next is told", async () => {
	const refusal = "x".repeat(65);
	const stream = new MemoryStream();
	const reported: unknown[] = [];
	const log = { error: (about: object) => void reported.push(about) };
	const bus = createMemoryBus(stream, "ingress");
	const strangers = tellRefusals("control.authentication.failed", "ingress", { bus, log });
	strangers.note({ refusal });
	strangers.note({ refusal });
	strangers.note({ refusal: "expired" });
	strangers.note({ refusal: "no_token" });
	await strangers.close();
	const told = stream.events().map(({ data }) => Object.values(data).join(" "));
	expect(told.sort()).toEqual(["expired 1", "no_token 1", "various 1", "various 1"]);
	expect(reported).toMatchObject([{ error: { name: "MalformedEvent" } }, { error: { name: "MalformedEvent" } }]);
	await bus.close();
});
