// The steps of a call as its caller watches them: all of them, in the order in which they happened, and then the end.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { Event } from "#libs/contracts/events.ts";
import { patience } from "../../test/support/patience.ts";
import { as, Backstage, type Replica, transfer } from "./ingress.test-support.ts";
import { eventStream } from "./listen/event-stream.ts";
import { showCall } from "./show-call.ts";
import { StepStreams } from "./stream-steps.ts";

let stage: Backstage;
let one: Replica;
let received: Event<"call.received">;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
	const payload = { connection: "bank", function: "createTransfer", arguments: transfer };
	await one.http.inject({ method: "POST", url: "/v1/calls", headers: as("robin"), payload });
	received = await stage.received();
});
afterEach(() => stage.close());

const watch = () => one.http.inject({ url: `/v1/calls/${received.data.call}/events`, headers: as("robin") });
const typesIn = (body: string) => [...body.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);

test("a call that has ended is told from its beginning, in order, with what approvers did", async () => {
	await stage.ask(received);
	await stage.approvalSays(received, "approve");
	await stage.start(received);
	await stage.complete(received);
	const reply = await watch();
	expect(reply.headers["content-type"]).toContain("text/event-stream");
	expect(typesIn(reply.body)).toEqual(["call.received", "approval.asked", "approval.voted", "call.started", "call.ended"]);
	expect(reply.body).not.toMatch(/dana@example|sealed|"hold"/);
});

test("a call that goes on is told as it goes, each step once", async () => {
	const watching = watch();
	await stage.ask(received);
	await stage.approvalSays(received, "approve");
	await stage.start(received);
	await stage.complete(received);
	expect(typesIn((await watching).body)).toEqual(["call.received", "approval.asked", "approval.voted", "call.started", "call.ended"]);
});

test("nothing that an executor of another pool says is a step", async () => {
	await stage.forge(received, "own");
	await stage.complete(received);
	const reply = await watch();
	expect(typesIn(reply.body)).toEqual(["call.received", "call.ended"]);
	expect(reply.body).toContain('"ending":"completed"');
});

test("there are only so many streams, and each that ends, breaks or never begins frees its place", async () => {
	const streams = new StepStreams(1);
	const own = await showCall(one.ports, received.data.caller, received.data.call);
	const here = () => new AbortController();
	const { ports } = one;

	const broken = { ...one.ports, bus: { ...one.bus, follow: async () => Promise.reject(new EventsUnavailable("away")) } };
	await expect(eventStream(streams, broken, own, here().signal)).rejects.toThrow(EventsUnavailable);

	const open = async (gone: AbortController) => await vi.waitFor(async () => await eventStream(streams, ports, own, gone.signal), patience);
	const leaving = here();
	await open(leaving);
	await expect(eventStream(streams, ports, own, here().signal)).rejects.toThrow("too many event streams");
	leaving.abort();

	const left = here();
	left.abort();
	await open(left);
	const last = await open(here());
	last.resume();
	await stage.complete(received);
	await new Promise((resolve) => last.once("close", resolve));
	await open(here());
});

test("a replica that stops closes its streams, and one that begins meanwhile", async () => {
	const streams = new StepStreams(2);
	const own = await showCall(one.ports, received.data.caller, received.data.call);
	const open = await eventStream(streams, one.ports, own, new AbortController().signal);
	const closed = new Promise((resolve) => open.once("close", resolve));
	streams.letGo();
	await closed;
	expect((await eventStream(streams, one.ports, own, new AbortController().signal)).destroyed).toBe(true);
});
