// `npm run faults`: tries to break the invariants on real servers and real processes, and prints what came of it. Exits 1 if anything did.
import { parseArgs } from "node:util";
import { crashPoints } from "#libs/service/crash-point.ts";
import { findPortBase } from "../support/port-base.ts";
import { runCampaign } from "./campaign.ts";
import { planEachFault, planFaults } from "./plan-faults.ts";
import { runWithout } from "./run-without.ts";
import { tableOf } from "./table.ts";

const usage = `Usage: npm run faults -- [options]

  --calls N      calls to make (default: 300)
  --kills N      service processes to kill, spread over the calls (default: 30)
  --seed N       everything that is planned follows from it (default: chosen and printed)
  --replicas N   processes per service (default: 2)
  --pace MS      from one fault to the next, at least (default: 600)
  --each         every named moment and every quick fault once, as \`npm test\` does
  --only KINDS   of what is planned, only faults of these kinds, as plan-faults.ts names them (trim,redeliver)
  --without NAME services that lack one safeguard (claim, signature, …), under --each or --kills N; exits 0 if it is noticed
  --help         this text
`;

async function main(): Promise<number> {
	const text = { type: "string" } as const;
	const flag = { type: "boolean" } as const;
	const { values } = parseArgs({
		options: { ...{ calls: text, kills: text, seed: text, replicas: text, pace: text, without: text, only: text }, each: flag, help: flag },
	});
	if (values.help) {
		process.stdout.write(usage);
		return 0;
	}
	const number = (name: string, value: string | undefined, fallback: number): number => {
		if (value !== undefined && !/^\d{1,9}$/.test(value)) throw new Error(`--${name} must be a number`);
		return value === undefined ? fallback : Number(value);
	};
	const seed = number("seed", values.seed, Date.now() % 1_000_000);
	const replicas = number("replicas", values.replicas, 2);
	const calls = number("calls", values.calls, 300);
	const begun = performance.now();
	const report = (line: string) => process.stderr.write(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);
	report(`seed ${seed}`);
	if (values.without !== undefined) {
		const plan = values.kills === undefined ? ["--each"] : ["--kills", values.kills];
		if (values.only !== undefined) plan.push("--only", values.only);
		const same = [...plan, "--seed", `${seed}`, "--replicas", `${replicas}`, "--calls", `${calls}`];
		return await runWithout(values.without, same, report);
	}
	const planned = values.each
		? planEachFault({ seed, replicas })
		: planFaults({ seed, replicas, kills: number("kills", values.kills, 30) });
	const only = values.only?.split(",");
	const faults = planned.filter(({ kind }) => only?.includes(kind) ?? true);
	if (faults.length === 0) throw new Error("--only leaves nothing of what is planned");
	const result = await runCampaign({
		...{ seed, calls, replicas, report, faults },
		untilKilled: values.each === true,
		firstPort: await findPortBase(),
		paceMs: number("pace", values.pace, 600),
	});
	process.stdout.write(tableOf(result, { seed, replicas, points: crashPoints }));
	return Object.values(result.violations).some((lines) => lines.length > 0) ? 1 : 0;
}

main().then(
	(code) => process.exit(code),
	(error: unknown) => {
		process.stderr.write(`faults: ${error instanceof Error ? error.stack : String(error)}\n`);
		process.exit(2);
	},
);
