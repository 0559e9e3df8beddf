// Where things listen beside what the plan of ports of a stack names.
import { urlOf } from "../../infra/local/port-plan.ts";

/** Free in the plan of ports: the replicas begin at 20. The bank of a bench listens so far above the first port. */
export const bankAfterFirst = 15;

export function benchPorts(firstPort: number): { bank: number; proxy: number; floor: number } {
	return { bank: firstPort + bankAfterFirst, proxy: firstPort + bankAfterFirst + 1, floor: firstPort + bankAfterFirst + 2 };
}

export const ingressUrl = (firstPort: number, replica = 0): string => urlOf("ingress", firstPort, replica);
