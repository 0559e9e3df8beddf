// Where things listen beside what the plan of ports of a stack names.
import { portOf } from "../../infra/local/port-plan.ts";

/** Free in the plan of ports: the replicas begin at 20. */
const freeAfterFirst = 15;

export function benchPorts(firstPort: number): { bank: number; proxy: number; floor: number } {
	return { bank: firstPort + freeAfterFirst, proxy: firstPort + freeAfterFirst + 1, floor: firstPort + freeAfterFirst + 2 };
}

export const ingressUrl = (firstPort: number): string => `http://127.0.0.1:${portOf("ingress", firstPort)}`;
