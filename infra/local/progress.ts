// Progress of long work: one line a step, with the seconds since the beginning.
import type { Report } from "./cache.ts";

export function createProgress(out: NodeJS.WritableStream, begunMs: number): Report {
	return (line) => {
		const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1).padStart(6);
		out.write(`${seconds}s  ${line}\n`);
	};
}
