// What servers write, however they write it and in whatever pieces it comes.
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { EventReader, implementation, membersOf, readMessage } from "./messages.ts";

describe("a message", () => {
	test.each<[text: string, read: object]>([
		['{"jsonrpc":"2.0","id":"1","result":{"a": 1.50, "b":"}"}}', { kind: "result", id: "1", text: '{"a": 1.50, "b":"}"}' }],
		[' { "id" : "1" ,\n"error":{"code":-1},"jsonrpc":"2.0" } ', { kind: "error", id: "1", text: '{"code":-1}' }],
		['{"jsonrpc":"2.0","id":1,"method":"ping"}', { kind: "request", id: 1, method: "ping" }],
		['{"jsonrpc":"2.0","method":"notifications/x","params":{}}', { kind: "notification", method: "notifications/x", params: "{}" }],
		['{"jsonrpc":"2.0","id":"1","result":[]}', { kind: "nonsense" }],
		['{"jsonrpc":"2.0","id":1,"result":{}}', { kind: "nonsense" }],
		['{"jsonrpc":"1.0","id":"1","result":{}}', { kind: "nonsense" }],
		['{"jsonrpc":"2.0","id":"1","result":{}} x', { kind: "nonsense" }],
		['{"jsonrpc":"2.0","id":"1","id":"2","result":{}}', { kind: "nonsense" }],
		["[]", { kind: "nonsense" }],
		["", { kind: "nonsense" }],
	])("%s", (text, read) => {
		expect(readMessage(text)).toEqual(read);
	});
	test("of any length and depth is read in one pass", () => {
		for (const text of ["{".repeat(1_000_000), `{"a":${"[".repeat(1_000_000)}`, `{"a":"${"\\".repeat(1_000_001)}`])
			expect(readMessage(text)).toEqual({ kind: "nonsense" });
	});
});

test.each(['{"a":1,"\\u0061":2}', '{"a":1,}', '{"a"1}', "{a:1}", '{"a":}', '{"a":1', "{,}"])("%s has no members", (text) => {
	expect(membersOf(text)).toBeUndefined();
});

describe("events", () => {
	const stream = 'event: message\r\ndata: {"a":1}\r\n\r\n: still here\n\ndata:one\ndata: two\n\nid: 7\rdata: ü\r\rdata: cut';
	const bytes = Buffer.from(stream);
	test.each([1, 2, 3, 7, bytes.length])("in pieces of %d bytes", (size) => {
		const reader = new EventReader();
		const events: string[] = [];
		for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.subarray(at, at + size)));
		expect(events).toEqual(['{"a":1}', "one\ntwo", "ü"]);
		expect(reader.lastEventId).toBe("7");
	});

	test("say where their stream can be taken up, and when: an event that is not whole does not", () => {
		const reader = new EventReader();
		reader.push(Buffer.from("id: first\nretry: 500\ndata: \n\nid: second\nretry: soon\ndata: cut"));
		expect(reader).toMatchObject({ lastEventId: "first", retryMs: 500 });
		reader.push(Buffer.from("\n\ndata: no id of its own\n\nid: a\0b\n\n"));
		expect(reader).toMatchObject({ lastEventId: "second", retryMs: 500 });
	});
});

test("Callgate says which version it is", () => {
	expect(implementation).toEqual({ name: manifest.name, version: manifest.version });
});
