// A named moment kills when it is armed for exactly that passing, and does nothing at all otherwise.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { armCrashPoint, crashMark, crashPoint, crashPointAfterThisTurn, crashPoints } from "./crash-point.ts";

afterEach(() => armCrashPoint(undefined));

describe("a named moment", () => {
	test("unarmed does nothing, in this turn and after it", () => {
		const later = vi.spyOn(globalThis, "setImmediate");
		for (const name of crashPoints) {
			crashPoint(name);
			crashPointAfterThisTurn(name);
		}
		expect(later).not.toHaveBeenCalled();
		later.mockRestore();
	});

	test.each(crashPoints)("%s kills when it is passed, once, and no other moment does", (name) => {
		const killed: string[] = [];
		armCrashPoint(name, (at) => killed.push(at));
		for (const other of crashPoints) if (other !== name) crashPoint(other);
		expect(killed).toEqual([]);
		crashPoint(name);
		crashPoint(name);
		expect(killed).toEqual([name]);
	});

	test("kills at the nth passing", () => {
		const killed: string[] = [];
		armCrashPoint("after-ending-before-ack:3", (at) => killed.push(at));
		crashPoint("after-ending-before-ack");
		crashPoint("after-ending-before-ack");
		expect(killed).toEqual([]);
		crashPoint("after-ending-before-ack");
		expect(killed).toHaveLength(1);
	});

	test("a moment after this turn comes after what this turn did", async () => {
		const order: string[] = [];
		armCrashPoint("after-first-byte-before-answer", () => order.push("killed"));
		crashPointAfterThisTurn("after-first-byte-before-answer");
		order.push("written");
		await new Promise((resolve) => setImmediate(resolve));
		expect(order).toEqual(["written", "killed"]);
	});

	test.each(["", "nowhere", "after-ending-before-ack:0", "after-ending-before-ack:x", "after-ending-before-ack:1:2"])(
		"%j names none and is refused",
		(text) => expect(() => armCrashPoint(text)).toThrow(RangeError),
	);
});

/** A service that passes a moment while it starts and then says that it lives. */
const program = `
	import { runService } from ${JSON.stringify(fileURLToPath(new URL("./run.ts", import.meta.url)))};
	import { crashPoint } from ${JSON.stringify(fileURLToPath(new URL("./crash-point.ts", import.meta.url)))};
	runService("ingress", async () => {
		crashPoint("during-recovery-at-start");
		console.log("alive");
		process.exit(0);
	});
`;

function run(env: Record<string, string>) {
	return spawnSync(process.execPath, ["--input-type=module", "--eval", program], { env, encoding: "utf8" });
}

describe("a process", () => {
	test("that is armed is gone at that moment, with its name in the log", () => {
		const { signal, stdout, stderr } = run({ CALLGATE_CRASH_AT: "during-recovery-at-start" });
		expect(signal).toBe("SIGKILL");
		expect(stdout).toBe("");
		expect(stderr).toBe(`${crashMark}during-recovery-at-start\n`);
	});

	test("that is not armed, or armed elsewhere, goes on", () => {
		for (const env of [{}, { CALLGATE_CRASH_AT: "between-index-and-ack" }]) {
			const { signal, status, stdout, stderr } = run(env as Record<string, string>);
			expect({ signal, status, stdout, stderr }).toEqual({ signal: null, status: 0, stdout: "alive\n", stderr: "" });
		}
	});
});
