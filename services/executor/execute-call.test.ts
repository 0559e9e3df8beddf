// A granted call runs once and ends once, whoever dies, whatever comes again, and however long the stream is away.
import { describe, expect, test } from "vitest";
import { EventsUnavailable, NotYet } from "#libs/bus/bus.ts";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import type { Answer } from "#libs/contracts/answer.ts";
import { encodeEvents } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { answerBytesMax, messageBytesMax } from "#libs/contracts/message-size.ts";
import { SealBroken, SealingKeys } from "#libs/contracts/sealed.ts";
import { hereCharsMax } from "#libs/service/work-aside.ts";
import { DialError, type DialErrorCode } from "./dial-error.ts";
import { endUnprocessed, executeCall } from "./execute-call.ts";
import { answered, Bench, bankKey, intercepted, policyKey, sealingKey, transfer, until } from "./granted-call.test-support.ts";
import { type ExecutorPorts, leaseTermsDefault } from "./ports.ts";

/** Longer than any lease of the demo's functions. */
const leaseMs = 120_000;

describe.each([
	["on subjects of its own", null],
	["in the ledger", 0],
] as const)("%s", (_where, since) => {
	test("a granted call is claimed, dialled with the bank's key, and ended with its answer", async () => {
		const bench = new Bench(since);
		const ended = await bench.run();
		expect(ended.data).toMatchObject({ ending: "completed", answer: { http: { status: 201 } }, rules: ["r"] });
		expect((await bench.result(ended)).body).toEqual({ text: '{"id":"t1"}' });
		const [request] = bench.dialer.requests;
		expect(request).toMatchObject({ method: "POST", url: "http://127.0.0.1:9/transfers" });
		expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({ authorization: `Bearer ${bankKey}` });
		expect(JSON.parse(new TextDecoder().decode(request?.body))).toEqual(transfer);
		expect(bench.stream.events().map(({ type }) => type)).toEqual(["call.started", "call.ended"]);
		expect(JSON.stringify(bench.stream.events())).not.toContain(bankKey);
	});

	test("the claim is on the record before the dial, and the ending before anyone is told", async () => {
		const bench = new Bench(since);
		let claimed = 0;
		bench.dialer.answering = () => {
			claimed = bench.of("call.started").length;
			return answered("{}");
		};
		let ended = 0;
		await bench.run({}, { ended: () => (ended = bench.of("call.ended").length) });
		expect({ claimed, ended }).toEqual({ claimed: 1, ended: 1 });
	});

	describe("one dial", () => {
		test("for a grant that is delivered twice", async () => {
			const bench = new Bench(since);
			const { stop } = await bench.start();
			const granted = await bench.grant();
			await bench.policy.publish(granted);
			await bench.policy.publish(granted);
			await until(() => bench.of("call.ended").length > 0);
			await stop();
			expect(bench.dialer.requests).toHaveLength(1);
			expect(bench.ending(granted).data.ending).toBe("completed");
		});

		test("for two grants of one call", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			await executeCall(bench.executor(), granted);
			await executeCall(bench.executor(), granted);
			expect(bench.dialer.requests).toHaveLength(1);
			expect(bench.ending(granted).data.ending).toBe("completed");
		});

		test("for twenty executors that race", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			const racing = await Promise.allSettled(Array.from({ length: 20 }, () => executeCall(bench.executor(), granted)));
			expect(bench.dialer.requests).toHaveLength(1);
			expect(bench.of("call.started")).toHaveLength(1);
			expect(bench.ending(granted).data.ending).toBe("completed");
			for (const outcome of racing) if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(NotYet);
		});
	});

	describe("an answer as large as a connection may allow is passed on whole", () => {
		const filled = (unit: string) => unit.repeat(Math.floor(answerBytesMax / Buffer.byteLength(unit)));
		const list = (item: string) => `[${Array.from({ length: Math.floor(answerBytesMax / (item.length + 1)) }, () => item).join(",")}]`;
		test.each([
			["JSON with a quote in every second place", "application/json", list('""')],
			["JSON in lines", "application/json", list('\n{\n"a":\n1\n}')],
			["JSON full of escapes", "application/json", list('"\\\\\\\\\\\\"')],
			["text of control characters", "text/plain", filled("\u0001")],
			["text beyond Latin", "text/plain", filled("日本語")],
		])("%s", async (_what, type, body) => {
			expect(Buffer.byteLength(body)).toBeGreaterThan(answerBytesMax * 0.99);
			const bench = new Bench(since);
			bench.dialer.answering = () => answered(body, type);
			const ended = await bench.run();
			expect(ended.data).toMatchObject({ ending: "completed", answer: { http: { status: 200 } } });
			expect(rawBodyOf(await bench.result(ended))).toBe(body);
			expect(encodeEvents([ended]).length).toBeLessThan(messageBytesMax);
		});

		test("also where what is masked in it makes it longer", async () => {
			const bench = new Bench(since);
			const body = list('{"to":"a@example.com"}');
			bench.dialer.answering = () => answered(body);
			const ended = await bench.run();
			expect(ended.data).toMatchObject({ ending: "completed" });
			expect(rawBodyOf(await bench.result(ended))).not.toContain("a@example.com");
		});
	});

	function rawBodyOf({ body }: Answer): string | undefined {
		if (body === undefined || "json" in body) return body && JSON.stringify(body.json);
		return "text" in body ? body.text : Buffer.from(body.base64, "base64").toString();
	}

	describe("a call whose executor died", () => {
		test("is left alone for a whole lease under our own eyes, as long as whoever claimed it said", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			await bench.abandon(granted);
			const ports = bench.executor();
			await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs = 24_999;
			await expect(executeCall(ports, granted)).rejects.toThrow(expect.objectContaining({ afterMs: 1 }));
			expect(bench.of("call.ended")).toEqual([]);
			bench.elapsedMs = 25_000;
			await executeCall(ports, granted);
			expect(bench.ending(granted).data).toMatchObject({ ending: "unknown", code: "outcome_unknown" });
			expect(bench.dialer.requests).toEqual([]);
		});

		test("is brought to its end by the process that consumes it, and by one of several only", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			await bench.abandon(granted);
			const running = [await bench.start(), await bench.start()];
			await bench.policy.publish(granted);
			await until(() => {
				bench.elapsedMs += leaseMs;
				return bench.of("call.ended").length > 0;
			});
			for (const { stop } of running) await stop();
			expect(bench.ending(granted).data.ending).toBe("unknown");
			expect(bench.dialer.requests).toEqual([]);
		});

		test("is unknown also when the grant has expired meanwhile", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant({ expiresInMs: -1 });
			await bench.abandon(granted);
			const ports = bench.executor();
			await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs = leaseMs;
			await executeCall(ports, granted);
			expect(bench.ending(granted).data.ending).toBe("unknown");
		});

		test("is unknown, and never without an ending, when its grant cannot be processed", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			await bench.abandon(granted);
			const ports = bench.executor();
			await expect(endUnprocessed(ports, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs = leaseMs;
			await endUnprocessed(ports, granted);
			expect(bench.ending(granted).data.ending).toBe("unknown");
		});

		test("is tried again with the same key where the function is idempotent, at most three times in all", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant({ function: "getAccount", arguments: { id: "acc-1" } });
			await bench.abandon(granted);
			const ports = bench.executor();
			await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs = leaseMs;
			await executeCall(ports, granted);
			expect(bench.ending(granted).data.ending).toBe("completed");
			expect(bench.of("call.started").map(({ data }) => data.attempt)).toEqual([1, 2]);
			expect(new Set(bench.of("call.started").map(({ id }) => id)).size).toBe(2);
			expect(Object.fromEntries(bench.dialer.requests[0]?.headers ?? [])).toMatchObject({ "idempotency-key": granted.data.call });
		});

		test("is unknown after the third attempt died", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant({ function: "getAccount", arguments: { id: "acc-1" } });
			const first = await bench.abandon(granted);
			const second = await bench.abandon(granted, 2, first);
			await bench.abandon(granted, 3, second);
			const ports = bench.executor();
			await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs = leaseMs;
			await executeCall(ports, granted);
			expect(bench.ending(granted).data.ending).toBe("unknown");
			expect(bench.dialer.requests).toEqual([]);
		});

		test("that was only away finds its call ended, and that ending stands", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			const answer = Promise.withResolvers<void>();
			bench.dialer.answering = async () => {
				await answer.promise;
				return answered("{}");
			};
			const slow = executeCall(bench.executor(), granted);
			await until(() => bench.dialer.requests.length === 1);
			const other = bench.executor();
			await expect(executeCall(other, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs = leaseMs;
			await executeCall(other, granted);
			answer.resolve();
			await slow;
			expect(bench.ending(granted).data.ending).toBe("unknown");
			expect(bench.told).toEqual(["unknown outcome_unknown"]);
		});
	});

	test("one that was only away is not done with its call while another, who claimed it anew, may yet die", async () => {
		const bench = new Bench(since);
		const granted = await bench.grant({ function: "getAccount", arguments: { id: "acc-1" } });
		const answer = Promise.withResolvers<void>();
		bench.dialer.answering = async () => {
			await answer.promise;
			return answered("{}");
		};
		const slow = executeCall(bench.executor(), granted);
		await until(() => bench.dialer.requests.length === 1);
		await bench.abandon(granted, 2, bench.position("call.started"));
		answer.resolve();
		await expect(slow).rejects.toThrow(NotYet);
		expect(bench.of("call.ended")).toEqual([]);
	});

	test("a claim that was lost to one that cannot be read yet is not taken for done", async () => {
		const bench = new Bench(since);
		const granted = await bench.grant();
		await bench.abandon(granted);
		const bus = createMemoryBus(bench.stream, "executor");
		const ports = bench.executor({ bus: { ...bus, last: async () => undefined } });
		await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
	});

	describe("a claim that was stored and never acknowledged to whoever made it", () => {
		/** A bus on which the first claim meets an outage, before or after it is stored. */
		function outage(bench: Bench, stored: boolean): ExecutorPorts["bus"] {
			const bus = createMemoryBus(bench.stream, "executor");
			let claims = 0;
			return intercepted(bus, async (event, write) => {
				const isHit = event.type === "call.started" && ++claims === 1;
				const written = isHit && !stored ? undefined : await write();
				if (isHit || !written) throw new EventsUnavailable("no acknowledgement came");
				return written;
			});
		}

		test("is its own when the grant comes again: the call runs, once", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			const ports = bench.executor({ bus: outage(bench, true) });
			await expect(executeCall(ports, granted)).rejects.toThrow(EventsUnavailable);
			expect(bench.dialer.requests).toEqual([]);
			await executeCall(ports, granted);
			await executeCall(ports, granted);
			expect(bench.dialer.requests).toHaveLength(1);
			expect(bench.of("call.started")).toHaveLength(1);
			expect(bench.ending(granted).data.ending).toBe("completed");
		});

		test("is nobody else's", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			await expect(executeCall(bench.executor({ bus: outage(bench, true) }), granted)).rejects.toThrow(EventsUnavailable);
			await expect(executeCall(bench.executor(), granted)).rejects.toThrow(NotYet);
			expect(bench.dialer.requests).toEqual([]);
		});

		test("counts from the first time it was asked for: others count their waiting from when they saw it", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			const bus = outage(bench, true);
			let asked = 0;
			const away = intercepted(bus, async (event, write) => {
				if (event.type === "call.started" && ++asked === 2) throw new EventsUnavailable("away");
				return await write();
			});
			const ports = bench.executor({ bus: away });
			await expect(executeCall(ports, granted)).rejects.toThrow(EventsUnavailable);
			bench.elapsedMs += leaseTermsDefault.startWithinMs + 1;
			await expect(executeCall(ports, granted)).rejects.toThrow(EventsUnavailable);
			await executeCall(ports, granted);
			expect(bench.dialer.requests).toEqual([]);
			expect(bench.ending(granted).data).toMatchObject({ ending: "failed" });
		});

		test("whose grant has expired meanwhile did not run, and its ending says so", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			let now = bench.now;
			const ports = bench.executor({ bus: outage(bench, true), clock: { now: () => now } });
			await expect(executeCall(ports, granted)).rejects.toThrow(EventsUnavailable);
			now = new Date(now.getTime() + 300_001);
			await executeCall(ports, granted);
			expect(bench.ending(granted).data).toMatchObject({ ending: "failed", code: "grant_refused" });
			expect(bench.dialer.requests).toEqual([]);
		});

		test("is not dialled on after one that was: it was not stored, and the next one was", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			const bus = outage(bench, false);
			const broken = intercepted(bus, async (event, write) => {
				if (event.type === "call.ended") throw new Error("a bug");
				return await write();
			});
			const ports = bench.executor({ bus: broken });
			await expect(executeCall(ports, granted)).rejects.toThrow(EventsUnavailable);
			await expect(executeCall(ports, granted)).rejects.toThrow("a bug");
			await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
			expect(bench.dialer.requests).toHaveLength(1);
		});

		test("is not dialled on by a second delivery while the first is in work", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			const bus = createMemoryBus(bench.stream, "executor");
			const stored = Promise.withResolvers<void>();
			const slow = intercepted(bus, async (_event, write) => {
				await stored.promise;
				return await write();
			});
			const ports = bench.executor({ bus: slow });
			const first = executeCall(ports, granted);
			await expect(executeCall(ports, granted)).rejects.toThrow(NotYet);
			stored.resolve();
			await first;
			expect(bench.dialer.requests).toHaveLength(1);
		});
	});

	test.each([
		["paused", 5_001, 0],
		["suspended with its whole machine", 0, 5_001],
	])("an executor that was %s after its claim does not dial when it wakes", async (_how, elapsedMs, wallMs) => {
		const bench = new Bench(since);
		const bus = createMemoryBus(bench.stream, "executor");
		let now = bench.now;
		const slept = intercepted(bus, async (event, write) => {
			const claimed = await write();
			if (event.type === "call.started") {
				bench.elapsedMs += elapsedMs;
				now = new Date(now.getTime() + wallMs);
			}
			return claimed;
		});
		bench.dialer.dial = async (request) => {
			try {
				request.beforeFirstByte?.();
			} catch (cause) {
				throw new DialError("aborted", "the gate is shut", { sent: false, cause });
			}
			throw new Error("a byte left");
		};
		const ended = await bench.run({}, { bus: slept, clock: { now: () => now } });
		expect(ended.data).toMatchObject({ ending: "failed", code: "function_unreachable" });
	});

	test("a claim whose lease cannot be read is given the longest there is, not none", async () => {
		const bench = new Bench(since);
		const granted = await bench.grant();
		await bench.abandon(granted, 1, 0, "soon");
		await expect(executeCall(bench.executor(), granted)).rejects.toThrow(NotYet);
		expect(bench.of("call.ended")).toEqual([]);
	});

	describe("a dial that fails", () => {
		const codes: Record<DialErrorCode, true> = {
			...{
				dns_failed: true,
				address_forbidden: true,
				connect_failed: true,
				connect_timeout: true,
				tls_failed: true,
				headers_timeout: true,
				idle_timeout: true,
			},
			...{ total_timeout: true, body_too_large: true, headers_too_large: true, protocol_error: true, connection_reset: true },
			...{ body_truncated: true, aborted: true, definition_changed: true },
		};
		const all = Object.keys(codes) as DialErrorCode[];
		const failing = async (code: DialErrorCode, sent: boolean, status?: number) => {
			const bench = new Bench(since);
			bench.dialer.answering = () => {
				throw new DialError(code, "words", { sent, ...(status !== undefined && { answered: { http: { status } } }) });
			};
			return (await bench.run()).data;
		};
		test.each(all)("as %s before a byte was sent did not run", async (code) => {
			expect(await failing(code, false)).toMatchObject({
				ending: "failed",
				code: code === "definition_changed" ? "function_changed" : "function_unreachable",
				detail: expect.stringContaining(code),
			});
		});
		test.each(all)("as %s after the request was sent may have run", async (code) => {
			const late = code === "headers_timeout" || code === "total_timeout";
			expect(await failing(code, true)).toMatchObject({ ending: "failed", code: late ? "function_timeout" : "outcome_unknown" });
		});
		test.each(all)("as %s inside an answer did run", async (code) => {
			expect(await failing(code, true, 200)).toMatchObject({
				ending: "failed",
				code: "function_answer_unusable",
				answer: { http: { status: 200 } },
			});
		});
		test("in a way nobody thought of may have run, and its words are in no event", async () => {
			const bench = new Bench(since);
			bench.dialer.answering = () => {
				throw new TypeError("card 4111111111111111");
			};
			const ended = await bench.run();
			expect(ended.data).toMatchObject({ ending: "failed", code: "outcome_unknown" });
			expect(JSON.stringify(bench.stream.events())).not.toContain("4111");
			expect(bench.failures).toHaveLength(1);
		});
	});

	test("a grant that expires while others' large arguments are worked on first permits nothing any more", async () => {
		const bench = new Bench(since);
		let now = bench.now;
		const { aside } = bench.executor();
		const granted = await bench.grant({ arguments: { ...transfer, reference: "r".repeat(hereCharsMax) } });
		const afterItsTurn: typeof aside.run = async (name, about, input) => {
			now = new Date(bench.now.getTime() + 300_001);
			return await aside.run(name, about, input);
		};
		await executeCall(bench.executor({ clock: { now: () => now }, aside: { ...aside, run: afterItsTurn } }), granted);
		expect(bench.dialer.requests).toEqual([]);
		expect(bench.ending(granted).data).toMatchObject({ ending: "failed", code: "grant_refused", sent: false });
	});

	describe("a call that cannot run ends without a dial", () => {
		const cases: [string, (bench: Bench) => Promise<Event<"call.ended">>, string][] = [
			["its grant has expired", (bench) => bench.run({ expiresInMs: -1_000 }), "grant_refused"],
			["its grant is for other arguments", (bench) => bench.run({ data: { digest: `sha256:${"f".repeat(64)}` } }), "grant_refused"],
			["its grant is for another function", (bench) => bench.run({ data: { function: "closeAccount" } }), "grant_refused"],
			["its grant is by a stranger", async (bench) => bench.run({ key: { ...policyKey, id: "unknown" } }), "grant_refused"],
			[
				"its arguments were swapped",
				async (bench) => bench.run({ sealed: { arguments: { ...transfer, amount: 9_999 } } }),
				"grant_refused",
			],
			[
				"its arguments were swapped for large ones",
				async (bench) => bench.run({ sealed: { arguments: { ...transfer, reference: "r".repeat(hereCharsMax) } } }),
				"grant_refused",
			],
			["its salt was swapped", async (bench) => bench.run({ sealed: { salt: "1".repeat(32) } }), "grant_refused"],
			["its seal is broken", (bench) => bench.run({ data: { sealed: "a.b.c.d.e" } }), "grant_refused"],
			[
				"its caller was swapped",
				(bench) => bench.run({ data: { caller: { issuer: "https://idp.example", subject: "mallory", groups: [] } } }),
				"grant_refused",
			],
			["the revision has no such function", (bench) => bench.run({ function: "printMoney" }), "function_unknown"],
			["its arguments cannot be sent", (bench) => bench.run({ function: "getAccount", arguments: {} }), "invalid_arguments"],
			["the vault lacks its credential", (bench) => bench.vault.remove("bank-api-key").then(() => bench.run()), "credential_missing"],
		];
		test.each(cases)("because %s", async (_why, run, code) => {
			const bench = new Bench(since);
			const ended = await run(bench);
			expect(ended.data).toMatchObject({ ending: "failed", code });
			expect(bench.dialer.requests).toEqual([]);
			expect(bench.of("call.started")).toEqual([]);
			expect(bench.told).toEqual([`failed ${code}`]);
		});
		test("because the executor serves another pool than the connection's", async () => {
			const bench = new Bench(since);
			expect((await bench.run({}, { pool: "dmz" })).data).toMatchObject({ ending: "failed", code: "function_unknown" });
			expect(bench.dialer.requests).toEqual([]);
		});
		test("because its seal is of another call", async () => {
			const bench = new Bench(since);
			const other = await bench.grant();
			expect((await bench.run({ data: { sealed: other.data.sealed } })).data.code).toBe("grant_refused");
		});
	});

	describe("while the stream is away", () => {
		test("nothing is dialled: no record, no call", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			bench.stream.away = true;
			await expect(executeCall(bench.executor(), granted)).rejects.toThrow(EventsUnavailable);
			expect(bench.dialer.requests).toEqual([]);
		});
		test("an answer is kept until its ending can be stored", async () => {
			const bench = new Bench(since);
			const granted = await bench.grant();
			bench.dialer.answering = () => {
				bench.stream.away = true;
				return answered('{"id":"t1"}');
			};
			const running = executeCall(bench.executor(), granted);
			await until(() => bench.failures.length >= 5);
			expect(bench.of("call.ended")).toEqual([]);
			bench.stream.away = false;
			await running;
			expect(bench.ending(granted).data.ending).toBe("completed");
			expect(bench.dialer.requests).toHaveLength(1);
		});
	});

	test("an ending that cannot be said is told in a way that can: the call that ran is never without one", async () => {
		const bench = new Bench(since);
		bench.dialer.answering = () => ({ ...answered("{}"), status: 700 });
		const ended = await bench.run();
		expect(ended.data).toMatchObject({ ending: "failed", code: "function_answer_unusable" });
	});

	test("large arguments and large answers pass through another thread, and are sent and masked as small ones are", async () => {
		const bench = new Bench(since);
		const notes = "n".repeat(hereCharsMax);
		bench.dialer.answering = () => answered(JSON.stringify({ notes, number: "4111111111111111" }));
		const ended = await bench.run({ arguments: { ...transfer, reference: notes } });
		expect(JSON.parse(new TextDecoder().decode(bench.dialer.requests[0]?.body))).toEqual({ ...transfer, reference: notes });
		expect((await bench.result(ended)).body).toEqual({ json: { notes, number: "[card …1111]" } });
		expect(ended.data.findings).toEqual([{ detector: "card", path: "/number", count: 1 }]);
		bench.dialer.answering = () => ({ ...answered("{}"), body: new Uint8Array(hereCharsMax + 1).fill(0xff) });
		expect((await bench.run()).data).toMatchObject({
			ending: "failed",
			code: "function_answer_unusable",
			detail: expect.stringContaining("not text"),
		});
	});

	test("an answer that cannot be sealed is withheld, and the call has run", async () => {
		const bench = new Bench(since);
		bench.dialer.answering = () => {
			held.clear();
			return answered("{}");
		};
		const held = new Map([["default", [sealingKey]]]);
		const ended = await bench.run({}, { sealingKeys: new SealingKeys(held) });
		expect(ended.data).toMatchObject({ ending: "failed", code: "function_answer_unusable" });
		expect(bench.failures[0]).toBeInstanceOf(SealBroken);
	});

	test("a grant under a revision that is not known here waits, and is parked with an ending if it never comes", async () => {
		const bench = new Bench(since);
		const granted = await bench.grant();
		const unknown: Partial<ExecutorPorts> = { configuration: { at: async () => undefined } };
		await expect(executeCall(bench.executor(unknown), granted)).rejects.toThrow("not known here");
		const { stop } = await bench.start(bench.executor(unknown));
		await bench.policy.publish(granted);
		await until(() => bench.of("control.message.parked").length > 0);
		await stop();
		expect(bench.ending(granted).data).toMatchObject({ ending: "failed", code: "internal" });
		expect(bench.dialer.requests).toEqual([]);
	});

	describe("idempotency keys", () => {
		test("reach functions that are declared idempotent: the caller's, or else the call's id", async () => {
			const bench = new Bench(since);
			await bench.run({ function: "getAccount", arguments: { id: "acc-1" }, sealed: { idempotencyKey: "mine" } });
			expect(Object.fromEntries(bench.dialer.requests[0]?.headers ?? [])).toMatchObject({ "idempotency-key": "mine" });
		});
		test("reach no others", async () => {
			const bench = new Bench(since);
			await bench.run({ sealed: { idempotencyKey: "mine" } });
			expect(Object.fromEntries(bench.dialer.requests[0]?.headers ?? [])).not.toHaveProperty("idempotency-key");
		});
	});

	test("headers that the connection does not declare never reach the function", async () => {
		const bench = new Bench(since);
		await bench.run({
			sealed: {
				headers: [
					["authorization", "Bearer caller"],
					["x-secret", "1"],
					["cookie", "a=b"],
				],
			},
		});
		const sent = bench.dialer.requests[0]?.headers ?? [];
		expect(sent.filter(([name]) => name === "authorization")).toEqual([["authorization", `Bearer ${bankKey}`]]);
		expect(JSON.stringify(sent)).not.toMatch(/x-secret|cookie|caller/);
	});
});
