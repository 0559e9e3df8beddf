// What processes cost, as the kernel counts it (Linux): processor time and resident memory.
import { readFile } from "node:fs/promises";

export interface NamedProcess {
	readonly name: string;
	readonly pid: number;
}

/** The unit of times in /proc/PID/stat: 100 a second on every Linux that runs Node. */
const msPerTick = 10;

/** Processor milliseconds that a process has used, all its threads, user and system. @param stat the text of /proc/PID/stat (proc_pid_stat(5)) */
export function cpuMsIn(stat: string): number {
	// The name, in parentheses, may hold spaces and parentheses itself; fields 14 and 15 count from 1 and begin before it.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}

/** Resident memory in bytes. @param status the text of /proc/PID/status */
export function residentBytesIn(status: string): number {
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1_024;
}

/** By name; processes of one name are counted together. */
export type PerProcess = Readonly<Record<string, number>>;

export async function cpuMsOf(processes: readonly NamedProcess[]): Promise<PerProcess> {
	return await perProcess(processes, async (pid) => cpuMsIn(await readFile(`/proc/${pid}/stat`, "utf8")));
}

export async function residentBytesOf(processes: readonly NamedProcess[]): Promise<PerProcess> {
	return await perProcess(processes, async (pid) => residentBytesIn(await readFile(`/proc/${pid}/status`, "utf8")));
}

async function perProcess(processes: readonly NamedProcess[], read: (pid: number) => Promise<number>): Promise<PerProcess> {
	const figures = await Promise.all(processes.map(async ({ name, pid }) => ({ name, figure: await read(pid) })));
	const sums: Record<string, number> = {};
	for (const { name, figure } of figures) sums[name] = (sums[name] ?? 0) + figure;
	return sums;
}
