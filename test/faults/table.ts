// The table at the end of a fault run.
import type { CampaignResult } from "./campaign.ts";
import { forbidden, type Row } from "./check-rows.ts";

const linesMax = 8;

export interface TableHead {
	readonly seed: number;
	readonly replicas: number;
	readonly points: readonly string[];
}

/** Counts first, then every forbidden row, then what was found in those that are not zero. */
export function tableOf({ counts, violations, crashed, seconds }: CampaignResult, { seed, replicas, points }: TableHead): string {
	const line = (name: string, value: number) => `  ${name.padEnd(58)}${String(value).padStart(8)}`;
	const rows = Object.keys(forbidden) as Row[];
	const found = rows.filter((row) => violations[row].length > 0);
	const details = found.flatMap((row) => [
		`${row}: ${forbidden[row]}`,
		...violations[row].slice(0, linesMax).map((one) => `    ${one}`),
		...(violations[row].length > linesMax ? [`    … and ${violations[row].length - linesMax} more`] : []),
	]);
	return [
		`Fault run: seed ${seed}, ${replicas} of each service, ${seconds} s`,
		"",
		...Object.entries(counts).map(([name, value]) => line(name, value)),
		"",
		"Killed at",
		...points.map((point) => line(point, crashed.get(point) ?? 0)),
		"",
		"Must be zero",
		...rows.map((row) => line(row, violations[row].length)),
		"",
		...(details.length > 0 ? [...details, ""] : []),
		found.length === 0 ? "Nothing was lost, nothing ran twice, nothing ran unapproved." : "INVARIANTS ARE BROKEN.",
		"",
	].join("\n");
}
