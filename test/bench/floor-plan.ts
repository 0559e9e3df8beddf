// What the floor consists of: known to the bench and to the floor's own processes.

export const floorRoles = ["ingress", "policy", "approval", "executor", "audit"] as const;
export type FloorRole = (typeof floorRoles)[number];
export const floorStream = "FLOOR";

/** What Callgate says about an allowed call: one durable message of the floor for each. */
export const floorEvents = ["received", "granted", "started", "ended"] as const;

export interface FloorPlaces {
	readonly natsUrl: string;
	/** Of a user that may use the stream. */
	readonly seed: string;
	/** Of the floor's ingress. */
	readonly port: number;
	readonly bankPort: number;
}
