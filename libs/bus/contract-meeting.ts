// Where the suites of what every bus must do find their buses.
import type { Service } from "#libs/contracts/define-event.ts";
import type { Bus } from "./bus.ts";

/** A place where buses of several services meet. */
export interface Meeting {
	connect(service: Service, pool?: string): Promise<Bus>;
	/** Whatever keeps the stream is away, until what this resolves with is called. */
	goAway(): Promise<() => Promise<void>>;
	close(): Promise<void>;
}
