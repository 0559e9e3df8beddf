// What a log line may say of an error: where and what kind, and words only where they are our own. And that a line is written, or does no harm.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { describeError } from "./logger.ts";

const secret = "4111111111111111";

function thrown(run: () => unknown): unknown {
	try {
		run();
	} catch (error) {
		return error;
	}
	throw new Error("nothing was thrown");
}

class LibraryError extends Error {
	override readonly name = "ResponseError";
	readonly code = `code of ${secret}`;
}

describe("nothing of a value is in a log line", () => {
	test.each<[string, unknown]>([
		["a parser quotes what it read", thrown(() => JSON.parse(`${secret} is not JSON`))],
		["a range is exceeded", thrown(() => "x".repeat(Number(`-${secret}`)))],
		["a text is thrown", secret],
		["an object is thrown", { card: secret }],
		["a library's error has a code of its own making", new LibraryError(secret)],
		["a message has lines that look like a stack", new Error(`broken\n    at ${secret}`)],
		["a message is all that is thrown", new Error(secret)],
		["it is in a cause", new EventsUnavailable("away", { cause: new Error(secret, { cause: new SyntaxError(secret) }) })],
		["it is in a name", Object.assign(new Error("x"), { name: `Error ${secret}` })],
	])("where %s", (_when, error) => {
		expect(JSON.stringify(describeError(error))).not.toContain(secret);
	});
});

test("our own errors say what is wrong, others their kind, and all of them where", () => {
	expect(describeError(new EventsUnavailable("NATS is not connected"))).toMatchObject({
		name: "EventsUnavailable",
		message: "NATS is not connected",
	});
	const parser = describeError(thrown(() => JSON.parse("{")));
	expect(parser).toMatchObject({ name: "SyntaxError" });
	expect(parser).not.toHaveProperty("message");
	expect(String((parser.frames as string[])[0])).toContain("at JSON.parse");
	expect(describeError(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toMatchObject({ code: "ECONNREFUSED" });
});

test("who writes an error that may be told says so by its class, and a name alone tells nothing", () => {
	class KeyRefused extends ExpectedError {}
	class VaultError extends Error {
		override readonly name = "VaultError";
	}
	expect(describeError(new KeyRefused("the key k1 is too short"))).toMatchObject({
		name: "KeyRefused",
		message: "the key k1 is too short",
	});
	expect(describeError(new VaultError(secret))).not.toHaveProperty("message");
	expect(describeError(Object.assign(new Error(secret), { name: "Refusal" }))).not.toHaveProperty("message");
});

test("a chain of causes that leads back to itself has an end", () => {
	const error = new Error("one");
	error.cause = new Error("two", { cause: error });
	expect(JSON.stringify(describeError(error)).length).toBeLessThan(20_000);
});

describe("a process that says why it ends", () => {
	const cwd = fileURLToPath(new URL(".", import.meta.url));
	const start = (lines: number, stdout: "pipe" | number) => {
		const script = `
			const { createLogger } = await import("./logger.ts");
			const log = createLogger("test");
			for (let line = 0; line < ${lines}; line++) log.info({ line, padding: "x".repeat(500) }, "before");
			log.error("tries once");
			log.fatal("last words");
			process.exit(3);
		`;
		return spawn(process.execPath, ["--input-type=module", "--eval", script], { cwd, stdio: ["ignore", stdout, "inherit"] });
	};
	const nobodyReads = (lines: number) => {
		const child = start(lines, "pipe");
		child.stdout?.destroy();
		return child;
	};

	test("has written every line by then", async () => {
		const child = start(100, "pipe");
		let text = "";
		child.stdout?.on("data", (chunk: Buffer) => {
			text += chunk;
		});
		await once(child, "close");
		const lines = text.trim().split("\n");
		expect(lines).toHaveLength(102);
		expect(lines.at(-1)).toContain("last words");
	});

	// A full disk is only to be had on Linux.
	const full =
		process.platform === "linux" ? [["the disk is full", (lines: number) => start(lines, openSync("/dev/full", "w"))] as const] : [];
	test.each([["nobody reads any more", nobodyReads] as const, ...full])("ends where %s", async (_where, begin) => {
		const codes = [0, 100].map(async (lines) => (await once(begin(lines), "exit"))[0]);
		expect(await Promise.all(codes)).toEqual([3, 3]);
	});
});
