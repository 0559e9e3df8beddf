// Forwarding as OTLP logs: what a record says, and what a collector may answer. The real collector is in receivers.server.test.ts.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eventAt } from "./feed.test-support.ts";
import { formats } from "./formats.ts";
import type { Target } from "./target.ts";
import { otlpTarget } from "./target-otlp.ts";

let server: Server;
let target: Target;
let answer: { readonly status: number; readonly body: string; readonly headers?: Record<string, string> };
let received: { readonly url?: string | undefined; readonly headers: IncomingHttpHeaders; readonly body: string } | undefined;
beforeEach(async () => {
	answer = { status: 200, body: '{"partialSuccess":{}}' };
	server = createServer(async (request, response) => {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk as Buffer);
		received = { url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() };
		response.writeHead(answer.status, answer.headers).end(answer.body);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	target = otlpTarget({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, headers: { authorization: "Bearer t" } });
});
afterEach(async () => {
	await target.close();
	await new Promise((resolve) => server.close(resolve));
});

const send = (text: string, format: (typeof formats)[keyof typeof formats] = formats.cloudevents) =>
	target.send({ lines: [{ text, event: eventAt(7) }], format, id: "x" });
const record = () => {
	const { resourceLogs } = JSON.parse(received?.body ?? "") as {
		resourceLogs: { scopeLogs: { logRecords: Record<string, unknown>[] }[] }[];
	};
	return resourceLogs[0]?.scopeLogs[0]?.logRecords[0] ?? {};
};

describe("a record in OTLP", () => {
	it("has the event's time, name, trace and place", async () => {
		await send("{}");
		expect(received).toMatchObject({ url: "/v1/logs", headers: { authorization: "Bearer t", "content-type": "application/json" } });
		expect(record()).toMatchObject({
			timeUnixNano: "1782907207000000000",
			eventName: "call.ended",
			traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
			spanId: "00f067aa0ba902b7",
			flags: 1,
		});
		expect(record().attributes).toContainEqual({ key: "callgate.position", value: { intValue: "7" } });
	});

	it("keeps every value: numbers by their digits, null, lists and objects", async () => {
		await send('{"i":9007199254740993,"d":0.1,"huge":123456789012345678901,"n":null,"b":true,"l":["a",{"__proto__":"p"}],"max":1e999}');
		expect(record().body).toEqual({
			kvlistValue: {
				values: [
					{ key: "i", value: { intValue: "9007199254740993" } },
					{ key: "d", value: { doubleValue: 0.1 } },
					{ key: "huge", value: { stringValue: "123456789012345678901" } },
					{ key: "n", value: {} },
					{ key: "b", value: { boolValue: true } },
					{
						key: "l",
						value: {
							arrayValue: {
								values: [{ stringValue: "a" }, { kvlistValue: { values: [{ key: "__proto__", value: { stringValue: "p" } }] } }],
							},
						},
					},
					{ key: "max", value: { stringValue: "1e999" } },
				],
			},
		});
		await send("CEF:0|…", formats.cef);
		expect(record().body).toEqual({ stringValue: "CEF:0|…" });
	});
});

describe("an OTLP collector", () => {
	it.each([
		[400, true],
		[401, true],
		[500, true],
		[429, false],
		[502, false],
		[503, false],
		[504, false],
		[307, false],
	])("that answers %d is not asked again: %s", async (status, isFinal) => {
		answer = { status, body: "", headers: { "retry-after": "7" } };
		await expect(send("{}")).rejects.toMatchObject({ isFinal, afterMs: 7_000 });
	});

	it("that rejects a single record refuses all: what it drops would be gone", async () => {
		answer = { status: 200, body: '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}' };
		await expect(send("{}")).rejects.toMatchObject({ isFinal: true, message: "the OTLP collector rejected 1 of 1 records" });
	});

	it("speaks its protocol: a page that says 200 to anything is none", async () => {
		answer = { status: 200, body: "<html>" };
		await expect(send("{}")).rejects.toMatchObject({ isFinal: true });
	});
});
