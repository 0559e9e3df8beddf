// Which port each service listens on where nothing else is said: the same for a process on its own, for `npm start` and for the command line.
import type { Service } from "#libs/contracts/define-event.ts";

/** What people talk to comes first. The local stack goes on behind these: see infra/local/port-plan.ts. */
export const serviceOrder = ["ingress", "approval", "audit", "policy", "executor"] as const satisfies readonly Service[];

export const firstPortDefault = 7300;
/** Of the process that keeps the stream short (infra/nats/keep-stream.ts): behind the parts of a local stack. */
export const keeperPortDefault = firstPortDefault + 11;

export function servicePort(service: Service, first = firstPortDefault): number {
	return first + serviceOrder.indexOf(service);
}

/** On this machine. */
export function serviceUrl(service: Service, first = firstPortDefault): string {
	return `http://127.0.0.1:${servicePort(service, first)}`;
}
