// Which port each part of a local stack has: all of them follow from the first, so two stacks need only two numbers.
import { serviceOrder } from "#libs/service/port-plan.ts";
import { assertPortFree, loopback } from "./ports.ts";

const parts = [...serviceOrder, "bank", "idp", "slack", "nats", "valkey", "opensearch", "keeper"] as const;
export type Part = (typeof parts)[number];

/** Further replicas of the services live this far above the first. */
const replicaStep = 20;

/** @param replica 0 is the first; only services have more. */
export function portOf(part: Part, first: number, replica = 0): number {
	return first + parts.indexOf(part) + replica * replicaStep;
}

export function urlOf(part: Part, first: number, replica = 0): string {
	return `http://${loopback}:${portOf(part, first, replica)}`;
}

/** @throws SetupError that names the first port that is taken and what wanted it. */
export async function assertPortsFree(first: number, replicas: number): Promise<void> {
	for (const part of parts) await assertPortFree(portOf(part, first), part);
	for (let replica = 1; replica < replicas; replica++) {
		for (const service of serviceOrder) await assertPortFree(portOf(service, first, replica), `replica ${replica + 1} of ${service}`);
	}
}
