// Every event there can be becomes what others can read: valid OCSF by its published schema, CloudEvents, and CEF that nothing breaks out of.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyEventOf } from "#libs/contracts/any-event.test-support.ts";
import { events } from "#libs/contracts/events.ts";
import { documentOf } from "#libs/contracts/index-template.ts";
import { parseExactly } from "../terminal-text.ts";
import { formats } from "./formats.ts";
import { ocsfOf, type RecordedEvent } from "./ocsf.ts";

const schema = JSON.parse(readFileSync(new URL("ocsf-1.8.0.json", import.meta.url), "utf8")) as { classes: Record<string, object> };
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
const validators = new Map(Object.entries(schema.classes).map(([uid, one]) => [Number(uid), ajv.compile(one)]));

const anyRecorded = fc.oneof(...events.map(anyEventOf)).map((event): RecordedEvent => {
	const { "@timestamp": time, traceId: _, ...rest } = documentOf(event, { position: 7, item: 0 }).document;
	return { ...rest, time } as unknown as RecordedEvent;
});
const call = "01890000-0000-7000-8000-000000000001";
const caller = { issuer: "https://idp.example", subject: "robin", email: "robin@example.com", groups: ["staff"] };
const recorded = (type: string, data: Record<string, unknown>, source = "ingress"): RecordedEvent => ({
	...{
		id: `${call}.${type}.${source}`,
		type,
		source: `/callgate/${source}`,
		subject: call,
		time: "2026-07-01T12:00:00.000Z",
		position: 7,
		item: 0,
	},
	data: { call, connection: "payments", function: "pay", caller, ...data },
});
function faultsOf(event: Readonly<Record<string, unknown>>): string[] {
	const validate = validators.get(Number(event.class_uid));
	if (!validate) return ["no such class"];
	validate(JSON.parse(JSON.stringify(event)));
	return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe("OCSF", () => {
	it("is valid for every event, by the published schema", () => {
		fc.assert(
			fc.property(anyRecorded, (event) => {
				expect(ocsfOf(event).flatMap(faultsOf)).toEqual([]);
			}),
			{ numRuns: 500 },
		);
	});

	it("says which schema is broken: the check can fail", () => {
		const [event] = ocsfOf(recorded("call.ended", { ending: "denied" }));
		expect(faultsOf({ ...event, severity_id: 7 })).toEqual(["/severity_id must be equal to one of the allowed values"]);
		expect(faultsOf({ ...event, nonsense: 1 })).not.toEqual([]);
		expect(faultsOf({ ...event, src_endpoint: undefined })).not.toEqual([]);
	});

	it("has endings as API Activity with outcome, actor and operation", () => {
		expect(ocsfOf(recorded("call.ended", { ending: "denied", code: "denied", detail: "Not to this country." }, "policy"))).toMatchObject([
			{
				...{
					class_uid: 6003,
					type_uid: 600_399,
					activity_name: "call.ended",
					status_id: 2,
					action_id: 2,
					status: "denied",
					status_code: "denied",
				},
				...{ actor: { user: { uid: "robin", email_addr: "robin@example.com", groups: [{ name: "staff" }] } }, time: 1_782_907_200_000 },
				...{ api: { operation: "payments.pay", service: { name: "payments" }, request: { uid: call } } },
				metadata: { uid: `${call}.call.ended.policy`, correlation_uid: call, sequence: 7, event_code: "call.ended" },
			},
		]);
		expect(ocsfOf(recorded("call.ended", { ending: "completed", answer: { http: { status: 201 } } }))[0]).toMatchObject({
			status_id: 1,
			api: { response: { code: 201 } },
		});
		// As a page of the API is read, each number with its own digits.
		const read = parseExactly(JSON.stringify(recorded("call.ended", { ending: "completed", answer: { http: { status: 201 } } })));
		expect(formats.ocsf.linesOf(read as RecordedEvent)[0]).toContain('"response":{"code":201}');
		expect(ocsfOf(recorded("call.ended", { ending: "unknown" }))[0]).toMatchObject({ status_id: 0, severity_id: 4 });
	});

	it("has approvals, revisions, refused strangers and findings in classes of their own", () => {
		expect(ocsfOf(recorded("call.granted", { approvedBy: ["dana@example.com"] }, "approval"))).toMatchObject([
			{ class_uid: 3003, actor: { user: { name: "dana@example.com" } }, user: { uid: "robin" }, privileges: ["payments.pay"] },
		]);
		expect(ocsfOf(recorded("call.granted", {}, "policy"))).toMatchObject([{ class_uid: 6003, action_id: 1 }]);
		expect(ocsfOf(recorded("control.configuration.activated", { revision: "sha256:aa" }))).toMatchObject([
			{ class_uid: 3004, entity: { uid: "sha256:aa" } },
		]);
		expect(ocsfOf(recorded("control.authentication.failed", { caller: undefined, refusal: "expired", from: "192.0.2.7" }))).toMatchObject([
			{ src_endpoint: { ip: "192.0.2.7" }, status_id: 2, status_code: "expired" },
		]);
		const found = ocsfOf(recorded("call.received", { findings: [{ detector: "card", path: "/card", count: 1 }] }));
		expect(found.map(({ class_uid: uid }) => uid)).toEqual([6003, 2004]);
		expect(found[1]).toMatchObject({ finding_info: { types: ["card"] }, message: "masked: card" });
	});
});

describe("lines", () => {
	it.each(Object.keys(formats) as (keyof typeof formats)[])("of %s hold no line end, and nothing that a terminal obeys", (name) => {
		fc.assert(
			fc.property(anyRecorded, (event) => {
				const lines = formats[name].linesOf(event);
				expect(lines.length).toBeGreaterThan(0);
				for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
			}),
		);
	});

	it("of CloudEvents are the event", () => {
		const event = recorded("call.ended", { ending: "denied" });
		expect(JSON.parse(formats.cloudevents.linesOf(event)[0] ?? "")).toEqual({
			specversion: "1.0",
			datacontenttype: "application/json",
			...event,
		});
	});

	it("of CEF escape what would end a field or a value", () => {
		const [line = ""] = formats.cef.linesOf(
			recorded("call.ended", { ending: "failed", code: "x", connection: "a=b", detail: "one\\two cs1=forged\nCEF:0|" }),
		);
		expect(line).toBe(
			String.raw`CEF:0|Callgate|Callgate|1|call.ended|How the call ended. Each accepted call has exactly one.|1|rt=1782907200000 externalId=${call}.call.ended.ingress dvchost=/callgate/ingress suid=robin suser=robin@example.com destinationServiceName=a\=b request=pay outcome=failed reason=x msg=one\\two cs1\=forged\\u{a}CEF:0| cs1Label=call cs1=${call} cn1Label=position cn1=7`,
		);
		expect(formats.cef.linesOf(recorded("odd|type", {}))[0]).toContain(String.raw`|odd\|type|odd\|type|1|`);
	});
});
