// Forwarding to Splunk: what its indexers have not acknowledged is sent again, and what it refuses is told in its own words.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { runProgram } from "../run-program.test-support.ts";
import { eventAt, Feed } from "./feed.test-support.ts";
import { formats } from "./formats.ts";
import { replies, SplunkStandIn } from "./splunk.test-support.ts";
import { splunkTarget } from "./target-splunk.ts";

let dir = "";
let feed: Feed;
let splunk: SplunkStandIn;
beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-splunk-"));
	[feed, splunk] = [await Feed.start(), await SplunkStandIn.start()];
	await writeFile(join(dir, "token"), `${splunk.token}\n`);
});
afterEach(async () => {
	await splunk.kill();
	await feed.api.stop();
	await rm(dir, { recursive: true });
});

const forward = (format = "ocsf", onTell: (line: string) => void = () => undefined) => {
	const files = ["--state", join(dir, "state"), "--secret-file", join(dir, "token")];
	const args = ["audit", "forward", "--once", "--from", "7d", "--as", format, "--to", `splunk+${splunk.url}`, ...files];
	return runProgram(args, { environment: feed.api.environment, onTell });
};
const batchOf = (...positions: number[]) => ({
	...{ format: formats.cloudevents, id: "x" },
	lines: positions.flatMap((position) =>
		formats.cloudevents.linesOf(eventAt(position)).map((text) => ({ text, event: eventAt(position) })),
	),
});
const positions = () => splunk.indexed.map(({ event }) => (event as { position: number }).position);

describe("forwarding to Splunk", () => {
	it("sends events with their time and source type, and keeps its place when indexers acknowledged them", async () => {
		expect(await forward()).toEqual({ exitCode: 0, out: "", err: "" });
		expect(splunk.indexed.map(({ time, sourcetype }) => [time, sourcetype])).toEqual(
			[1, 2, 3].map((second) => [Date.UTC(2026, 6, 1, 12, 0, second) / 1_000, "callgate:ocsf"]),
		);
		expect(splunk.indexed[0]?.event).toMatchObject({ class_uid: 6003 });
	});

	it("takes 200 for an answer where the token has no acknowledgement, and CEF as text", async () => {
		splunk.hasAcks = false;
		expect(await forward("cef")).toEqual({ exitCode: 0, out: "", err: "" });
		expect(splunk.indexed).toHaveLength(3);
		expect(splunk.indexed[0]?.event).toMatch(/^CEF:0\|/);
	});

	it("sends again what a collector took that died before it was indexed", async () => {
		splunk.isIndexing = false;
		const target = splunkTarget({ url: splunk.url, token: splunk.token, formatName: "cloudevents" });
		const sending = target.send(batchOf(1, 2)).then(
			() => "sent",
			(error: Error) => error.message,
		);
		await expect.poll(() => splunk.channels.length, patience).toBe(1);
		await splunk.kill();
		expect(await sending).toMatch(/^Splunk cannot be reached/);
		splunk.isIndexing = true;
		await splunk.restart();
		await target.send(batchOf(1, 2));
		expect(positions()).toEqual([1, 2]);
		// The first number of an earlier life is no acknowledgement of this one's.
		expect(new Set(splunk.channels).size).toBe(2);
		await target.close();
	});

	it("sends again what is not acknowledged in time", async () => {
		splunk.isIndexing = false;
		const target = splunkTarget({ url: splunk.url, token: splunk.token, formatName: "cloudevents", acknowledgedWithinMs: 0 });
		await expect(target.send(batchOf(1))).rejects.toMatchObject({
			message: "Splunk's indexers did not acknowledge in time",
			isFinal: false,
		});
		await target.close();
	});

	it("parts what is more than a megabyte, and waits for all parts at once", async () => {
		const target = splunkTarget({ url: splunk.url, token: splunk.token, formatName: "cloudevents" });
		const large = { text: JSON.stringify({ position: 9, filling: "x".repeat(600_000) }), event: eventAt(9) };
		await target.send({ ...batchOf(), lines: [large, large, large] });
		expect(splunk.channels).toHaveLength(3);
		expect(new Set(splunk.channels).size).toBe(1);
		expect(positions()).toEqual([9, 9, 9]);
		await target.close();
	});

	it.each([
		["disabled", "Token disabled (code 1)"],
		["invalidToken", "Invalid token (code 4)"],
		["invalidData", "Invalid data format (code 6)"],
	] as const)("ends where Splunk refuses (%s), and says what it says", async (name, words) => {
		splunk.next.push(replies[name]);
		const { exitCode, err } = await forward();
		expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringContaining(words) });
		expect(err).not.toContain(splunk.token);
		expect(splunk.indexed).toEqual([]);
	});

	it("waits where Splunk is busy", async () => {
		splunk.next.push(replies.busy);
		const { exitCode, err } = await forward("cloudevents");
		expect(exitCode).toBe(0);
		expect(err).toContain("Splunk answered 503: Server is busy (code 9); trying until it takes them");
		expect(positions()).toEqual([1, 2, 3]);
	});
});
