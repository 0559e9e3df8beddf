// `callgate doctor`: whether an installation is well, and what it would survive. It asks every process for what it may tell anyone, so it needs no key.
import type { Command } from "commander";
import { firstPortDefault, servicePort, serviceUrl } from "#libs/service/port-plan.ts";
import { askReadiness } from "./ask-readiness.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import { diagnose, type Finding } from "./diagnose.ts";
import type { Io } from "./io.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

const parts = {
	ingress: { option: "url", member: "url", variable: "CALLGATE_URL" },
	policy: { option: "policy-url", member: "policyUrl", variable: "CALLGATE_POLICY_URL" },
	approval: { option: "approval-url", member: "approvalUrl", variable: "CALLGATE_APPROVAL_URL" },
	executor: { option: "executor-url", member: "executorUrl", variable: "CALLGATE_EXECUTOR_URL" },
	audit: { option: "audit-url", member: "auditUrl", variable: "CALLGATE_AUDIT_URL" },
} as const;
type Part = keyof typeof parts;

type DoctorOptions = Readonly<Partial<Record<(typeof parts)[Part]["member"], string>>> & { readonly port: string; readonly json?: true };

const explanation = `
Asks each process for /readyz: whether it can do its work, and how the servers behind it keep what they acknowledge, as they say
it themselves now. No token and no key is needed; run it where those addresses can be reached.

One line a check: ok, warn (it works, and survives less than it could) or FAIL, what was found, and then what was expected and
what to do. The exit code is 1 if anything failed. What each level survives: docs/operations.md, "Durability".

Examples:
  $ callgate doctor                                        the stack of \`npm start\`
  $ callgate doctor --port 8300                            another one, started with --port 8300
  $ callgate doctor --executor-url http://a:${servicePort("executor")},http://b:${servicePort("executor")} --url …   a deployment; several of one kind with commas
`;

export function registerDoctor(program: Command, io: Io): void {
	const command = program
		.command("doctor")
		.description("Check that an installation is well, and what it would survive")
		.option("--json", "print JSON, for other programs")
		.option("--port <n>", "first port of the stack of `npm start` that is asked where no address is given", String(firstPortDefault));
	for (const [part, { option, variable }] of Object.entries(parts)) {
		command.option(`--${option} <urls>`, `where ${part} listens, with commas where there are several (or ${variable})`);
	}
	command.addHelpText("after", explanation).action(async (options: DoctorOptions) => {
		const asked = (Object.keys(parts) as Part[]).flatMap((part) => addressesOf(part, options, io));
		const findings = diagnose(await Promise.all(asked.map(({ process, url }) => askReadiness(process, url))));
		const failed = findings.filter(({ verdict }) => verdict === "FAIL").length;
		if (options.json) io.print(safeJson(JSON.stringify({ ok: failed === 0, checks: findings })));
		else for (const line of findings.map(lineOf)) io.print(safeLine(line));
		if (failed > 0) throw new CommandFailed(`${failed} of ${findings.length} checks failed.`);
	});
}

function addressesOf(part: Part, options: DoctorOptions, { environment }: Io): { process: string; url: string }[] {
	const { option, member, variable } = parts[part];
	const given = options[member];
	const firstPort = /^\d{1,5}$/.test(options.port) ? Number(options.port) : Number.NaN;
	if (!(firstPort >= 1 && firstPort <= 65_000)) throw wrongUsage("--port must be a port's number.");
	const text = given ?? environment[variable] ?? serviceUrl(part, firstPort);
	const urls = text.split(",").map((one) => one.trim());
	for (const url of urls) {
		const parsed = URL.canParse(url) ? new URL(url) : undefined;
		if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.password !== "")
			throw wrongUsage(`${given === undefined ? variable : `--${option}`} is no URL such as ${serviceUrl("ingress")}, without a login.`);
	}
	return urls.map((url, nth) => ({ process: urls.length === 1 ? part : `${part} ${nth + 1}`, url }));
}

function lineOf({ check, verdict, found, expected, todo }: Finding): string {
	const head = `${verdict.padEnd(5)} ${check}: ${found}`;
	return verdict === "ok" ? head : `${head}. Expected: ${expected}. To do: ${todo}.`;
}
