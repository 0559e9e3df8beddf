// The feed of an audit service over a record of numbered events, two a page.
import { setTimeout as delay } from "node:timers/promises";
import { json, TestApi } from "../api.test-support.ts";

export const eventAt = (position: number) => ({
	...{ id: `call.${position}`, type: "call.ended", source: "/callgate/policy", subject: "call" },
	time: new Date(Date.UTC(2026, 6, 1, 12, 0, position)).toISOString(),
	traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	...{ position, item: 0, data: { connection: "payments", function: "pay", ending: "denied", durationMs: 12.5, detail: "no\u2028such" } },
});

export class Feed {
	/** Positions of what is on the record. */
	readonly record: number[] = [1, 2, 3];
	/** What was asked, each with its query. */
	readonly asked: URLSearchParams[] = [];
	readonly api: TestApi;

	private constructor(api: TestApi) {
		this.api = api;
		api.on("GET /v1/audit/events/follow", async (response, request) => {
			const query = new URLSearchParams(request.path.split("?")[1]);
			this.asked.push(query);
			const after = Number(query.get("cursor") ?? (query.has("from") ? 0 : this.record.length));
			const until = performance.now() + Math.min(1_000, Number(query.get("wait") ?? 0) * 1_000);
			const behind = () => this.record.filter((position) => position > after);
			while (behind().length === 0 && performance.now() < until) await delay(10);
			const found = behind().slice(0, Math.min(2, Number(query.get("size"))));
			const left = { value: behind().length - found.length, exact: true };
			json(200, { events: found.map(eventAt), next: String(found.at(-1) ?? after), left })(response, request);
		});
	}

	static async start(): Promise<Feed> {
		return new Feed(await TestApi.start());
	}
}
