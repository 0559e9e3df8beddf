// Every way to be refused or to fail, once: its stable code and what each protocol calls it (RFC 9457, gRPC status codes, JSON-RPC 2.0).
import { ExpectedError } from "./expected-error.ts";

interface Problem {
	readonly status: number;
	/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
	readonly grpc: string;
	/** JSON-RPC 2.0 section 5.1; -32000 to -32019 are ours. MCP has the rest of what is left to servers there, so what does not fit is outside of it. */
	readonly jsonRpc: number;
	readonly title: string;
	/** What whoever reads it can do. */
	readonly advice: string;
}

export const problems = {
	malformed_request: p(400, "INVALID_ARGUMENT", -32600, "The request cannot be read", "Send what the API's OpenAPI document describes."),
	unauthenticated: p(401, "UNAUTHENTICATED", -32001, "Not authenticated", "Send a valid token of a configured issuer as Bearer."),
	denied: p(403, "PERMISSION_DENIED", -32003, "Policy denies this call", "Read the rules and reasons; ask the policy's authors."),
	rejected: p(403, "PERMISSION_DENIED", -32004, "An approver rejected this call", "Read the reason; a changed call may be asked anew."),
	expired: p(403, "PERMISSION_DENIED", -32005, "Nobody approved this call in time", "Ask the approvers and submit the call again."),
	insufficient_scope: p(
		403,
		"PERMISSION_DENIED",
		-31036,
		"The token is not meant for this",
		"Get a token with the scopes that are named, and send the request again.",
	),
	not_an_approver: p(
		403,
		"PERMISSION_DENIED",
		-32006,
		"You may not decide this call",
		"Ask a current member of the named groups; never the requester.",
	),
	not_an_auditor: p(403, "PERMISSION_DENIED", -32007, "You may not read the record", "Ask to become a member of the group `auditors`."),
	not_found: p(
		404,
		"NOT_FOUND",
		-32601,
		"There is no such thing here",
		"Check the address and the id; what others asked for is not shown.",
	),
	function_unknown: p(404, "NOT_FOUND", -32602, "No such function", "`GET /v1/functions` lists what exists."),
	method_not_allowed: p(405, "UNIMPLEMENTED", -32600, "This address does not answer that method", "Read the Allow header."),
	request_timeout: p(408, "DEADLINE_EXCEEDED", -31030, "The request did not arrive in time", "Send it again, without a pause in it."),
	cancelled: p(409, "CANCELLED", -32008, "The call was cancelled", "Submit it again if it is still wanted."),
	already_settled: p(409, "FAILED_PRECONDITION", -32009, "The call is no longer waiting", "Read its ending; nothing was changed."),
	body_too_large: p(413, "RESOURCE_EXHAUSTED", -32010, "The body is too large", "Send less; the limit is in the detail."),
	uri_too_long: p(414, "INVALID_ARGUMENT", -31031, "The address is too long", "Send a shorter path and query."),
	unsupported_media_type: p(415, "INVALID_ARGUMENT", -32600, "The body's type is not accepted", "Send application/json in UTF-8."),
	expectation_failed: p(417, "INVALID_ARGUMENT", -31032, "What the request expects is not done here", "Expect 100-continue, or nothing."),
	invalid_arguments: p(
		422,
		"INVALID_ARGUMENT",
		-32602,
		"The arguments do not fit the function",
		"Compare them with the function's schema.",
	),
	idempotency_mismatch: p(422, "FAILED_PRECONDITION", -32011, "The idempotency key was used for another call", "Use a new key."),
	reason_required: p(422, "INVALID_ARGUMENT", -32012, "A reason is required", "Send one of at least three characters."),
	headers_too_large: p(431, "RESOURCE_EXHAUSTED", -31033, "The header fields are too large", "Send fewer or shorter ones."),
	too_many_requests: p(429, "RESOURCE_EXHAUSTED", -32013, "Too many requests", "Wait for the time in Retry-After."),
	internal: p(500, "INTERNAL", -32603, "Callgate failed", "Report the call id to whoever runs Callgate."),
	function_unreachable: p(502, "UNAVAILABLE", -32014, "The function could not be reached", "Nothing was executed; try again later."),
	function_changed: p(
		502,
		"FAILED_PRECONDITION",
		-31023,
		"The function is no longer what was pinned",
		"Nothing was executed. Whoever runs Callgate compares with `callgate pull` what changed, and pins it anew or not.",
	),
	function_answer_unusable: p(
		502,
		"INTERNAL",
		-32015,
		"The function's answer could not be passed on",
		"The function ran; its answer was withheld.",
	),
	credential_missing: p(502, "FAILED_PRECONDITION", -32016, "The function's credential is missing", "Set it with `callgate secret set`."),
	token_refused: p(
		422,
		"INVALID_ARGUMENT",
		-31035,
		"A token in the arguments cannot be opened",
		"Nothing was executed; read the value again and use its new token.",
	),
	masking_key_missing: p(
		502,
		"FAILED_PRECONDITION",
		-31034,
		"The executors have no key for masking",
		"Nothing was executed; give them CALLGATE_MASKING_KEYS.",
	),
	outcome_unknown: p(
		502,
		"UNKNOWN",
		-32017,
		"Whether the function ran is unknown",
		"Look at the function itself before you repeat the call.",
	),
	events_unavailable: p(503, "UNAVAILABLE", -32018, "Events cannot be stored, so nothing runs", "Try again after the time in Retry-After."),
	not_ready: p(503, "UNAVAILABLE", -32019, "Callgate is not ready", "Try again after the time in Retry-After."),
	revision_superseded: p(503, "UNAVAILABLE", -31020, "The configuration changed under this call", "Submit it again."),
	grant_refused: p(
		502,
		"FAILED_PRECONDITION",
		-31021,
		"The permission to run this call is not valid",
		"Submit the call again; if it persists, report it.",
	),
	function_timeout: p(
		504,
		"DEADLINE_EXCEEDED",
		-31022,
		"The function did not answer in time",
		"Look at the function before you repeat the call.",
	),
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof problems;

function p(status: number, grpc: string, jsonRpc: number, title: string, advice: string): Problem {
	return { status, grpc, jsonRpc, title, advice };
}

export function isProblemCode(code: string): code is ProblemCode {
	return Object.hasOwn(problems, code);
}

/** What a problem may tell beyond its code; every member is safe for the caller to see. */
export interface ProblemDetails {
	readonly detail?: string | undefined;
	readonly call?: string | undefined;
	readonly rules?: readonly string[];
	readonly reasons?: readonly { code: string; rule?: string; message?: string }[];
	readonly errors?: readonly { pointer: string; message: string }[];
	/** Of OAuth: what the token needs. */
	readonly scopes?: readonly string[];
	readonly retryAfterSeconds?: number;
}

/** An expected refusal, thrown where it is found and answered at the edge. */
export class Refusal extends ExpectedError {
	readonly code: ProblemCode;
	readonly details: ProblemDetails;
	constructor(code: ProblemCode, details: ProblemDetails = {}) {
		super(details.detail ?? problems[code].title);
		this.code = code;
		this.details = details;
	}
}

/** The body of an `application/problem+json` answer (RFC 9457). */
export function problemBody(code: ProblemCode, details: ProblemDetails = {}) {
	const { status, title, advice } = problems[code];
	const { retryAfterSeconds: _, ...shown } = details;
	const body = { type: `urn:callgate:problem:${code}`, title, status, code, advice };
	return { ...body, ...shown, ...body };
}
