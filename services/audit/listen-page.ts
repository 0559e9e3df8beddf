// The auditors' web page: search, and one call as it happened. Rendered here, behind a sign-in of its own; what is read is recorded as for the API.
import { readFileSync } from "node:fs";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Compile } from "typebox/compile";
import { type Caller, callIdPattern } from "#libs/contracts/call.ts";
import { firstFault } from "#libs/contracts/define-event.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { type ProblemDetails, problems, Refusal } from "#libs/contracts/problems.ts";
import { storyFields } from "#libs/contracts/record-fields.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import type { Doorkeeper } from "#libs/service/authenticate-first.ts";
import { problemOf } from "#libs/service/http.ts";
import { CallsParameters, queryOf, sizeOf } from "./asked-query.ts";
import { callPage } from "./page/call-page.ts";
import { fromElsewherePage, messagePage, signInPage } from "./page/plain-page.ts";
import { type Asked, searchPage } from "./page/search-page.ts";
import { isOnThisMachine, type SignIn, SignInFailed, signedInPath } from "./page/sign-in.ts";
import { proveCall } from "./prove-call.ts";
import { type ReadingParts, readCall, searchCalls } from "./read-record.ts";
import { storiesOf } from "./tell-story.ts";

interface PageParts extends ReadingParts, Doorkeeper {
	readonly signIn: SignIn;
	/** The public keys that sign the record, as `callgate audit key` prints them. */
	readonly keys: readonly string[];
	/** Where the tree is stored. */
	readonly store: Pick<ProofStore, "get">;
}
/** Without a way to sign in there is no page. */
export type AuditPageParts = Omit<PageParts, "signIn"> & { readonly signIn: SignIn | undefined };

/** Nothing from elsewhere and nothing inline: what a function answered cannot bring a script along. */
const policy =
	"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const headers = {
	"content-security-policy": policy,
	"x-content-type-options": "nosniff",
	"referrer-policy": "no-referrer",
	"cross-origin-opener-policy": "same-origin",
	"cross-origin-resource-policy": "same-origin",
	"cache-control": "no-store",
} as const;
const asset = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8");
const script = "text/javascript; charset=utf-8";
const assets = {
	"page.css": "text/css; charset=utf-8",
	"page.js": script,
	"proof.js": script,
	"verify-proof.js": script,
	"icon.svg": "image/svg+xml",
} as const;

/** Paths of the page alone: whoever signs in is led nowhere else. */
const ownPath = /^\/audit(?:\?[^\\\s]{0,2000}|\/calls\/[0-9a-f-]{36})?$/;
const callId = new RegExp(callIdPattern);
const askedForm = Compile(CallsParameters);
/** Lines of a page. */
const pageSize = "25";
const hidden = { schema: { hide: true } as object };

type Handler = (request: FastifyRequest, reader: Caller) => Promise<string>;

/** `GET /audit` and below. */
export async function addAuditPage(http: FastifyInstance, { signIn, ...others }: AuditPageParts): Promise<void> {
	if (!signIn) return;
	const parts: PageParts = { ...others, signIn };
	await http.register(async (page) => {
		page.addHook("onSend", (_request, reply, payload, next) => {
			reply.headers(headers);
			if (!isOnThisMachine(signIn.url)) reply.header("strict-transport-security", "max-age=31536000");
			next(null, payload);
		});
		page.setErrorHandler((error, _request, reply) => sendFault(reply, error));
		const read = (path: string, handler: Handler) =>
			page.get(path, hidden, async (request, reply) => {
				if (request.headers["sec-fetch-site"] === "cross-site") return sendPage(reply, 200, fromElsewherePage(request.url));
				const reader = await readerOf(parts, request);
				if (!reader) return sendPage(reply, 401, signInPage(ownPath.test(request.url) ? request.url : "/audit"));
				return sendPage(reply, 200, await handler(request, reader));
			});

		for (const [name, type] of Object.entries(assets)) {
			const text = asset(name);
			page.get(`/audit/${name}`, hidden, async (_request, reply) => reply.type(type).send(text));
		}
		read("/audit", (request, reader) => search(parts, request.query as Asked, reader));
		read("/audit/calls/:id", async (request, reader) => {
			const call = callOf(request);
			const { events } = await readCall(parts, reader, call);
			return callPage(reader, { call, events, story: storiesOf(events).find((story) => story.call === call), keys: parts.keys });
		});
		page.get("/audit/calls/:id/proof", hidden, async (request, reply) => {
			const reader = await readerOf(parts, request);
			if (!reader) throw new Refusal("unauthenticated", { detail: "sign in first" });
			return reply.type("application/json").send(await proofOf(parts, reader, callOf(request)));
		});
		addSigningIn(page, parts);
	});
}

function addSigningIn(page: FastifyInstance, parts: PageParts): void {
	const { signIn, authenticate, strangers } = parts;
	page.get("/audit/sign-in", hidden, async (request, reply) => {
		const { to } = request.query as Record<string, unknown>;
		const { location, cookies } = await signIn.begin(typeof to === "string" && ownPath.test(to) ? to : "/audit");
		return reply.header("set-cookie", cookies).redirect(location, 303);
	});
	page.get(signedInPath, hidden, async (request, reply) => {
		const { token, back, cookies } = await signIn.finish(request.url, request.headers.cookie);
		try {
			await authenticate([`Bearer ${token}`]);
		} catch (error) {
			// It was given for this page, and yet is none of those that Callgate takes: an operator should look.
			if (error instanceof NotAuthenticated)
				strangers.note({ refusal: error.reason, ...(error.issuer !== undefined && { issuer: error.issuer }), from: request.ip });
			throw error;
		}
		return reply.header("set-cookie", cookies).redirect(back, 303);
	});
	page.post("/audit/sign-out", hidden, async (request, reply) => {
		// Older browsers say the origin alone.
		const { "sec-fetch-site": site, origin } = request.headers;
		if (site === undefined ? origin !== new URL(signIn.url).origin : site !== "same-origin")
			throw new Refusal("malformed_request", { detail: "another site asked for it" });
		reply.header("set-cookie", signIn.signOut);
		return sendPage(reply, 200, signInPage("/audit", "You have signed out here. Your identity provider may still know you."));
	});
}

function callOf({ params }: FastifyRequest): string {
	const { id } = params as { id: string };
	if (callId.test(id)) return id;
	throw new Refusal("not_found", { detail: "that is no call's id" });
}

/** The events' own bytes, sealed texts too: what auditors export, and the one thing that shows what was signed. */
async function proofOf(parts: PageParts, reader: Caller, call: string) {
	const { events } = await readCall(parts, reader, call, { of: "proof" });
	const own = events.filter(({ subject }) => subject === call);
	// Its writer may be replacing a tile in this moment.
	const prove = () => proveCall(parts.store, call, own);
	const proof = await prove()
		.catch(prove)
		.catch(() => undefined);
	if (proof) return proof;
	throw new Refusal("not_ready", { detail: "the record's tree cannot be read now", retryAfterSeconds: 5 });
}

/** Undefined for somebody who has not signed in, or whose token ended; any other fault of a token is told. */
async function readerOf({ signIn, authenticate }: PageParts, request: FastifyRequest): Promise<Caller | undefined> {
	const token = await signIn.token(request.headers.cookie);
	if (token === undefined) return undefined;
	try {
		return await authenticate([`Bearer ${token}`]);
	} catch (error) {
		if (error instanceof NotAuthenticated && error.code === "unauthenticated") return undefined;
		throw error;
	}
}

/** Fields that were left empty are not asked about. */
async function search(parts: PageParts, given: Asked, reader: Caller): Promise<string> {
	const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
	if (!askedForm.Check(asked))
		return searchPage(reader, {}, undefined, `That cannot be asked: ${firstFault(askedForm.Errors(asked) as never, "it")}.`);
	try {
		const { size = pageSize, cursor, ...rest } = asked;
		const found = await searchCalls(parts, reader, { query: queryOf(rest, storyFields), size: sizeOf(size), cursor });
		return searchPage(reader, asked as Asked, found);
	} catch (error) {
		if (!(error instanceof Refusal) || error.code !== "malformed_request") throw error;
		return searchPage(reader, asked as Asked, undefined, `That cannot be asked: ${wordsOf(error.details)}.`);
	}
}

function wordsOf({ detail = "", errors = [] }: ProblemDetails): string {
	return [detail, ...errors.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`)].join("; ");
}

function sendFault(reply: FastifyReply, error: unknown): FastifyReply {
	if (error instanceof SignInFailed)
		return sendPage(reply, 400, messagePage({ title: "You are not signed in" }, `It did not work: ${error.message}.`));
	const { code, details } = problemOf(error);
	// What nobody expected is told to the operator, as on every other address.
	if (code === "internal") throw error;
	const { status, title, advice } = problems[code];
	reply.refusal = { code, call: details.call };
	return sendPage(reply, status, messagePage({ title }, wordsOf(details), advice));
}

function sendPage(reply: FastifyReply, status: number, text: string): FastifyReply {
	return reply.code(status).type("text/html; charset=utf-8").send(text);
}
