// Loaded into a service before anything else (`node --import`): its wall clock is off by what a file says, also when that changes while it runs.
// The monotonic clock, timers and the kernel's own times stay as they are: as on a machine whose time of day was set.
import { readFileSync } from "node:fs";

const file = process.env.CALLGATE_FAULTS_CLOCK_FILE;
/** A clock that is set jumps for its process within this. */
const lookEveryMs = 100;
const RealDate = Date;
const realNow = Date.now;
let offMs = 0;

function look(): void {
	// Until the harness writes it the clock is right.
	try {
		offMs = Number(readFileSync(String(file), "utf8")) || 0;
	} catch {
		offMs = 0;
	}
}

const now = (): number => realNow() + offMs;

if (file !== undefined) {
	look();
	setInterval(look, lookEveryMs).unref();
	RealDate.now = now;
	globalThis.Date = new Proxy(RealDate, {
		construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget) as object,
		apply: (target) => new target(now()).toString(),
	});
	const { timeOrigin } = performance;
	Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin + offMs });
}
