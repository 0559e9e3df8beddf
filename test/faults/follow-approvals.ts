// Which approvals wait, until when, and how many were granted: as the stream tells the harness while it runs.
import type { StreamEvent } from "./evidence.ts";

export interface FollowedApprovals {
	hear(event: StreamEvent): void;
	/** Calls that wait and whose time is over before `at`, in milliseconds since 1970. */
	dueBefore(at: number): string[];
	isWaiting(call: string): boolean;
	/** How many approval granted so far. */
	granted(): number;
}

export function followApprovals(): FollowedApprovals {
	const waiting = new Map<string, number>();
	let granted = 0;
	return {
		hear({ type, writer, data }) {
			if (writer !== "approval") return;
			const call = String(data.call);
			if (type === "approval.asked") {
				const { expiresAt } = (data.terms ?? {}) as { expiresAt?: string };
				waiting.set(call, Date.parse(expiresAt ?? ""));
			}
			if (type === "call.granted") granted++;
			if (type === "call.granted" || type === "call.ended") waiting.delete(call);
		},
		dueBefore: (at) => [...waiting].filter(([, until]) => until < at).map(([call]) => call),
		isWaiting: (call) => waiting.has(call),
		granted: () => granted,
	};
}
