// What the running stack says of its durability is what is in force, and `callgate doctor` finds the whole of it well.
import { expect, test } from "vitest";
import { services } from "#libs/contracts/define-event.ts";
import { runProgram } from "../../cli/run-program.test-support.ts";
import { askJetStream } from "../support/nats.ts";
import { patience } from "../support/patience.ts";
import { ask, disturb, eventually, stack } from "../support/stack.ts";

const secondOf = (url: string) => {
	const second = new URL(url);
	second.port = String(Number(second.port) + 20);
	return `${url},${second.origin}`;
};
const options = { ingress: "--url", policy: "--policy-url", approval: "--approval-url", executor: "--executor-url", audit: "--audit-url" };
const doctor = () => runProgram(["doctor", "--json", ...services.flatMap((service) => [options[service], secondOf(stack.urls[service])])]);

interface Finding {
	readonly check: string;
	readonly verdict: string;
	readonly found: string;
}

test("every process tells what the servers say, each of its own, and no secret", async () => {
	const { config } = await askJetStream<{ config: { metadata: Record<string, string> } }>("STREAM.INFO.CALLGATE");
	for (const service of services) {
		const { body, text } = await ask(`${stack.urls[service]}/readyz`);
		expect(body.durability, service).toMatchObject({
			syncInterval: "120s",
			stream: { identity: config.metadata["callgate.identity"], copies: 1, storage: "file", retention: "limits", discard: "new" },
		});
		expect(text).not.toMatch(/password|seed|SU[A-Z2-7]{20}|redis:/i);
	}
	const { body } = await ask(`${stack.urls.approval}/readyz`);
	expect(body.durability.redis).toEqual({ appendonly: "yes", appendfsync: "everysec", "maxmemory-policy": "noeviction" });
	const index = await eventually(async () => {
		const found = (await ask(`${stack.urls.audit}/readyz`)).body.durability.index;
		return found.replicas === "unknown" ? undefined : found;
	});
	expect(index).toEqual({ replicas: 0, translog: "request" });
});

test("the keeper has trimmed since it started, and is ready", async () => {
	await expect
		.poll(async () => (await ask(`${stack.urls.keeper}/metrics`)).text, patience)
		.toMatch(/^callgate_trimmed_at_seconds\{[^}]*\} \d/m);
	expect((await ask(`${stack.urls.keeper}/readyz`)).body).toMatchObject({ status: "ready", checks: { trimming: "ok" } });
});

test("the doctor finds all of it well, says what a single machine does not survive, and finds a process that hangs", async () => {
	const ran = await eventually(async () => {
		const one = await doctor();
		return one.exitCode === 0 ? one : undefined;
	});
	const { ok, checks } = JSON.parse(ran.out) as { ok: boolean; checks: Finding[] };
	expect(ok).toBe(true);
	expect(checks.filter(({ verdict }) => verdict === "warn").map(({ check }) => check)).toEqual([
		"power cut",
		"disk loss",
		"record's copies",
	]);
	expect(checks.filter(({ check }) => check.endsWith(" work"))).toHaveLength(8);

	await disturb("freeze", "executor/1");
	try {
		const broken = await doctor();
		expect(broken.exitCode).toBe(1);
		const failed = (JSON.parse(broken.out) as { checks: Finding[] }).checks.filter(({ verdict }) => verdict === "FAIL");
		expect(failed.map(({ check }) => check)).toEqual(["executor 2"]);
	} finally {
		await disturb("thaw", "executor/1");
	}
});
