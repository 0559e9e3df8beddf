// Events of the record in the Open Cybersecurity Schema Framework, version 1.8.0 (https://schema.ocsf.io/1.8.0): one or two OCSF events each. Pure.
import { isIP } from "node:net";
import type { Data, StoryEvent } from "../story.ts";

/** As OCSF's own names have it; `class_uid` says which members there are. */
export type OcsfEvent = Readonly<Record<string, unknown>>;

export const ocsfVersion = "1.8.0";

const classes = {
	api_activity: { class_uid: 6003, category_uid: 6 },
	authorize_session: { class_uid: 3003, category_uid: 3 },
	entity_management: { class_uid: 3004, category_uid: 3 },
	detection_finding: { class_uid: 2004, category_uid: 2 },
} as const;

const activity = { create: 1, read: 2, other: 99, assignPrivileges: 1, activate: 10 } as const;
const severity = { informational: 1, low: 2, medium: 3, high: 4 } as const;
const status = { unknown: 0, success: 1, failure: 2 } as const;
const action = { allowed: 1, denied: 2, observed: 3 } as const;

/**
 * What one event says: API Activity, but for grants after an approval (Authorize Session) and revisions (Entity Management); where masking found
 * something, a Detection Finding beside it. What OCSF has no place for stands in `unmapped`, by the record's own names. Where a call came from is
 * not on the record: `src_endpoint` is the service that says it.
 */
export function ocsfOf(event: RecordedEvent): OcsfEvent[] {
	const { data } = event;
	const finding = Array.isArray(data.findings) && data.findings.length > 0 ? [findingOf(event, data.findings)] : [];
	return [mainOf(event), ...finding];
}

/** As the auditors' API gives it. */
export interface RecordedEvent extends StoryEvent {
	readonly id: string;
	readonly item: number;
	readonly traceparent?: string;
}

function mainOf(event: RecordedEvent): OcsfEvent {
	const { type, data } = event;
	if (type === "control.configuration.activated") {
		const entity = { type: "configuration", uid: textOf(data.revision), name: "Callgate's configuration" };
		return { ...base(event, "entity_management", activity.activate), entity, status_id: status.success };
	}
	if (type === "call.granted" && Array.isArray(data.approvedBy)) {
		const [approver] = data.approvedBy;
		return {
			...base(event, "authorize_session", activity.assignPrivileges),
			...{ user: userOf(data.caller), actor: { user: personOf(approver) } },
			...{ privileges: [operationOf(data)], session: { uid: textOf(data.call) }, status_id: status.success },
		};
	}
	return {
		...base(event, "api_activity", type === "control.record.read" ? activity.read : activity.other),
		...{ activity_name: type === "control.record.read" ? "Read" : type },
		...{ actor: actorOf(data), api: apiOf(event), src_endpoint: endpointOf(event), ...outcomeOf(event) },
	};
}

function findingOf(event: RecordedEvent, findings: readonly unknown[]): OcsfEvent {
	const detectors = [...new Set(findings.map((one) => textOf((one as Data).detector)))].sort();
	return {
		...base(event, "detection_finding", activity.create, `${event.id}.finding`),
		...{ severity_id: severity.low, action_id: action.observed },
		finding_info: { uid: `${event.id}.finding`, title: "Sensitive data was masked", types: detectors },
		message: `masked: ${detectors.join(", ")}`,
	};
}

function base(event: RecordedEvent, name: keyof typeof classes, activityId: number, uid = event.id): OcsfEvent {
	const { time, type, position, item, data } = event;
	const { class_uid: classUid } = classes[name];
	// Callgate's own names; OCSF's places are filled beside it.
	const { caller: _caller, reader: _reader, ...unmapped } = data;
	return {
		...classes[name],
		...{ activity_id: activityId, type_uid: classUid * 100 + activityId, severity_id: severity.informational },
		...{ time: Date.parse(time), message: type },
		metadata: {
			...{ version: ocsfVersion, profiles: ["security_control"], product: { name: "Callgate", vendor_name: "Callgate" } },
			...{ uid, event_code: type, original_time: time, log_name: "callgate-events", sequence: position },
			...(typeof data.call === "string" && { correlation_uid: data.call }),
		},
		unmapped: { ...unmapped, position, item },
	};
}

function outcomeOf({ type, data }: RecordedEvent): OcsfEvent {
	switch (type) {
		case "call.granted":
			return { status_id: status.success, action_id: action.allowed };
		case "call.ended":
			return endingOf(data);
		case "control.authentication.failed":
		case "control.record.refused":
		case "control.vote.refused":
			return { status_id: status.failure, action_id: action.denied, severity_id: severity.medium, ...told("status_code", data.refusal) };
		case "control.message.parked":
			return { severity_id: severity.high };
		default:
			return {};
	}
}

function endingOf({ ending, code, detail }: Data): OcsfEvent {
	const isOver = ending === "completed";
	const isRefused = ending === "denied" || ending === "rejected" || ending === "expired";
	return {
		status_id: isOver ? status.success : ending === "unknown" ? status.unknown : status.failure,
		status: textOf(ending),
		...(isOver ? { action_id: action.allowed } : isRefused ? { action_id: action.denied } : {}),
		// Somebody has to look whether it happened.
		severity_id: ending === "unknown" ? severity.high : isRefused ? severity.low : severity.informational,
		...told("status_code", code),
		...told("status_detail", detail),
	};
}

function apiOf({ type, data }: RecordedEvent): OcsfEvent {
	const code = ((data.answer as Data | undefined)?.http as Data | undefined)?.status;
	return {
		operation: data.connection === undefined ? type : operationOf(data),
		service: { name: data.connection === undefined ? "callgate" : textOf(data.connection) },
		...(typeof data.call === "string" && { request: { uid: data.call } }),
		...(code !== undefined && { response: { code } }),
	};
}

function operationOf({ connection, function: name }: Data): string {
	return `${textOf(connection)}.${textOf(name)}`;
}

function actorOf({ caller, reader, voter }: Data): OcsfEvent {
	if (caller !== undefined || reader !== undefined) return { user: userOf(caller ?? reader) };
	if (typeof voter === "string") return { user: personOf(voter) };
	return { app_name: "callgate" };
}

function userOf(value: unknown): OcsfEvent {
	const { subject, email: address, issuer, groups } = (value ?? {}) as Data;
	return {
		...{ uid: textOf(subject), domain: textOf(issuer) },
		...(address !== undefined && personOf(address)),
		...(Array.isArray(groups) && groups.length > 0 && { groups: groups.map((name) => ({ name: textOf(name) })) }),
	};
}

/** As OCSF's `email_t` wants an address to look; what does not is a name. */
const email = /^[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+$/;

function personOf(value: unknown): OcsfEvent {
	const name = textOf(value);
	return email.test(name) ? { name, email_addr: name } : { name };
}

function endpointOf({ source, data }: RecordedEvent): OcsfEvent {
	return typeof data.from === "string" && isIP(data.from) !== 0 ? { ip: data.from } : { svc_name: source };
}

function told(name: string, value: unknown): OcsfEvent {
	return value === undefined ? {} : { [name]: textOf(value) };
}

function textOf(value: unknown): string {
	return typeof value === "string" ? value : (JSON.stringify(value) ?? "unknown");
}
