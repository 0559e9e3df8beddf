// `callgate/client` as programs get it: packed, installed from the tarball, its types read by their compiler, and run by Node alone.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { click, heldCallNamed } from "../support/slack.ts";
import { iban, newReference, stack, tokenOf, transfersNamed } from "../support/stack.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

const program = `
import { Callgate, type CallAnswer, ProblemError, type Step } from "callgate/client";

const { CALLGATE_URL: url = "", CALLGATE_TOKEN: token = "", REFERENCE: reference = "" } = process.env;
const callgate = new Callgate({ url, token });
const idempotencyKey = crypto.randomUUID();
const order = (amount: number) => ({
	connection: "bank",
	function: "createTransfer",
	arguments: { amount, currency: "EUR", to: "${iban}", country: "DE", reference },
});

const account: CallAnswer<{ card: string }> = await callgate.call({ connection: "bank", function: "getAccount", arguments: { id: "acc-1" } });
// Nothing says of which protocol a function is but its answer.
const status: number | undefined = account.result.mcp ? undefined : account.result.status;
const said = await callgate.call<{ content: { text: string }[] }>({ connection: "tools", function: "say", arguments: { note: reference } });
const denied: unknown = await callgate.call(order(-1)).catch((error: unknown) => error);
const submitted = await callgate.submit(order(5_000), { idempotencyKey });
const again = await callgate.submit(order(5_000), { idempotencyKey });
const steps: Step["type"][] = [];
for await (const { type } of callgate.steps(submitted.call)) steps.push(type);
const transfer = await callgate.answer<{ reference: string }>(submitted.call);
const functions = await callgate.functions();
console.log(
	JSON.stringify({
		card: account.result.body?.card,
		status,
		said: said.result.mcp && { isError: said.result.mcp.isError, text: said.result.body.content[0]?.text },
		denied: denied instanceof ProblemError && denied.problem.code,
		isSame: submitted.call === again.call,
		steps,
		reference: transfer.result.body?.reference,
		mayNeedApproval: functions.find(({ function: name }) => name === "createTransfer")?.mayNeedApproval,
	}),
);
`;

let folder: string;
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-client-"));
	await run("npm", ["pack", "--silent", "--pack-destination", folder, join(root, "client")], { cwd: root });
	const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
	await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
	await run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./callgate-${version}.tgz`], { cwd: folder });
	await writeFile(join(folder, "program.ts"), program);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("what is packed is the compiled client alone, without dependencies", async () => {
	const { dependencies } = JSON.parse(await readFile(join(folder, "node_modules/callgate/package.json"), "utf8"));
	expect(dependencies).toBeUndefined();
	const files = await readdir(join(folder, "node_modules/callgate"), { recursive: true });
	const names = files.filter((name) => !/^dist\/[\w-]+(\.d\.ts|\.js)$/.test(name));
	expect(names.toSorted()).toEqual(["README.md", "dist", "package.json"]);
});

test("its types fit a strict compiler", async () => {
	const options = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2024", "--lib", "es2024,dom", "--module", "nodenext"];
	const types = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
	const { stdout } = await run(process.execPath, [join(root, "node_modules/.bin/tsc"), ...options, ...types, "program.ts"], {
		cwd: folder,
	}).catch(({ stdout: found }: { stdout: string }) => ({ stdout: found }));
	expect(stdout).toBe("");
});

test("a program reads masked data, is denied, waits for people, and pays once", async () => {
	const reference = newReference("client");
	const env = { PATH: process.env.PATH, CALLGATE_URL: stack.urls.ingress, CALLGATE_TOKEN: await tokenOf("ci"), REFERENCE: reference };
	const running = run(process.execPath, ["program.ts"], { cwd: folder, env });
	const clicked = heldCallNamed(reference).then((held) => click("frank", "approve", held));
	await Promise.race([clicked, running]);
	expect(JSON.parse((await running).stdout)).toEqual({
		card: "[…1111]",
		status: 200,
		said: { isError: false, text: reference },
		denied: "invalid_arguments",
		isSame: true,
		steps: ["call.received", "approval.asked", "approval.voted", "call.granted", "call.started", "call.ended"],
		reference,
		mayNeedApproval: true,
	});
	expect(await transfersNamed(reference)).toHaveLength(1);
});
