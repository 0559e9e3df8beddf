// A document of kind `Connection` and the OpenAPI document it names → a connection with its functions.
import { answerBytesMax } from "#libs/contracts/message-size.ts";
import { canCompile, whyNotASchema } from "#libs/functions/check-arguments.ts";
import { contractOf } from "#libs/functions/contract.ts";
import type { ConnectionFunction, MadeFunction, Transport } from "#libs/functions/function.ts";
import type { JsonSchema } from "#libs/functions/schema.ts";
import { functionsFromOpenapi } from "#libs/openapi/functions-from-openapi.ts";
import type { HttpTransport } from "#libs/openapi/http-transport.ts";
import { type MarkedPlaces, markedAnswers } from "#libs/openapi/marked-places.ts";
import { whyNotHeader } from "#libs/outbound/header-owners.ts";
import { durationMs } from "#libs/policy/duration.ts";
import type { Fault } from "./configuration-error.ts";
import { functionTypes } from "./function-types.ts";
import { addressPolicy, parseHttpUrl, whyNotDialled } from "./kinds/addresses.ts";
import { type Analyzer, analyzerEntities, analyzerTimeout } from "./kinds/analyzer.ts";
import type {
	Connection,
	ConnectionDocument,
	EnvironmentCredential,
	HttpConnection,
	HttpCredential,
	HttpLimits,
} from "./kinds/connection.ts";
import { didYouMean } from "./nearest.ts";
import { sizeBytes } from "./quantity.ts";
import { type SuspiciousPlaces, suspectsInOpenapi, suspiciousPlaces } from "./suspicious-places.ts";
import { writtenFunctions } from "./written-functions.ts";

const second = 1_000;
const mebibyte = 1_048_576;
/** Defaults and bounds of what one call may cost. */
export const connectionBounds = {
	connect: { byDefault: 5 * second, max: 60 * second },
	headers: { byDefault: 30 * second, max: 600 * second },
	total: { byDefault: 60 * second, max: 900 * second },
	requestBody: { byDefault: mebibyte, max: 8 * mebibyte },
	responseBody: { byDefault: answerBytesMax, max: answerBytesMax },
} as const;

export type CompiledConnection = {
	readonly connection: Connection;
	readonly faults: readonly Fault[];
	/** Faults inside the document that it names. */
	readonly vendorFaults: readonly Fault[];
	/** Places of that document that say more to a model than to whoever reviews it. */
	readonly suspicious?: () => SuspiciousPlaces;
	/** Names that policies may mention although this connection has faults. */
	readonly names: readonly string[];
	/** What a function's schemas say of its arguments and answers. */
	readonly types: ReturnType<typeof functionTypes>;
};

/** Compiles a document that fits its schema. `openapi` is the parsed document it names, undefined if it names none or it cannot be read. */
export function compileConnection(document: ConnectionDocument, openapi: unknown): CompiledConnection {
	const faults: Fault[] = [];
	refuseMembers(document, ["mcp", "media", "command", "args", "env"], faults);
	if (document.suspicious !== undefined && document.openapi === undefined)
		faults.push({
			path: ["suspicious"],
			atKey: true,
			message: "found suspicious, expected none without openapi: it is about that document",
		});
	const url = compileUrl(document, ["url"], faults);
	const analyzer = compileAnalyzer(document, faults);
	const credential = httpCredential(document, faults);
	const limits = compileLimits(document, faults);
	const found = document.openapi === undefined ? writtenFunctions(document, faults) : functionsOf(document, openapi, credential, faults);
	refuseBadSchemas(document, found.functions, faults);
	if (document.openapi === undefined && credential?.as === "query") refuseTakenPlace(credential.name, found.functions, faults);
	const functions = found.functions
		.map((fn) => refine(document, openapi, fn, limits, faults))
		.sort((one, other) => (one.name < other.name ? -1 : 1));
	const byName = new Map(functions.map((fn) => [fn.name, fn]));
	const transport: HttpConnection = {
		protocol: "http",
		url,
		...(credential && { credential }),
		forward: compileForward(document, credential, faults),
		allowPrivateAddresses: document.allowPrivateAddresses ?? false,
		limits,
	};
	const connection: Connection = {
		name: document.name,
		pool: document.pool ?? "default",
		...(document.credential && { secret: document.credential.secret }),
		...(analyzer && { analyzer }),
		transport,
		functions,
		function: (name) => byName.get(name),
	};
	const suspicious = () => suspiciousPlaces(document, suspectsInOpenapi(openapi, found.functions));
	return {
		connection,
		faults,
		vendorFaults: found.openapiFaults,
		suspicious,
		names: found.names,
		types: functionTypes(functions, openapi),
	};
}

/** Members that mean nothing in this protocol. */
export function refuseMembers(document: ConnectionDocument, names: readonly (keyof ConnectionDocument)[], faults: Fault[]): void {
	for (const name of names)
		if (document[name] !== undefined)
			faults.push({
				path: [name],
				atKey: true,
				message: `found ${name}, expected none: protocol: ${document.protocol} has no such member`,
			});
}

type WithUrl = Pick<ConnectionDocument, "url" | "insecure" | "allowPrivateAddresses">;

export function compileUrl(document: WithUrl, path: readonly string[], faults: Fault[]): string {
	if (document.url === undefined) {
		faults.push({ path: ["name"], message: 'found no "url", expected the URL where the functions are' });
		return "";
	}
	const url = parseHttpUrl(document.url, { plain: document.insecure ?? false });
	if (typeof url === "string") {
		const hint = url.includes("plain http") ? " (insecure: true allows it, readable by anyone on the way)" : "";
		faults.push({ path, message: url + hint });
		return document.url;
	}
	const fault = whyNotDialled(url, addressPolicy(document));
	if (fault !== undefined) faults.push({ path, message: fault });
	return url.href.replace(/\/+$/, "");
}

function compileAnalyzer({ analyzer }: ConnectionDocument, faults: Fault[]): Analyzer | undefined {
	if (analyzer === undefined) return undefined;
	const timeoutMs = durationMs(analyzer.timeout ?? "") ?? analyzerTimeout.byDefault;
	if (timeoutMs > analyzerTimeout.max)
		faults.push({
			path: ["analyzer", "timeout"],
			message: `found ${analyzer.timeout}, expected at most ${analyzerTimeout.max / second}s: the call waits for it`,
		});
	return {
		url: compileUrl(analyzer, ["analyzer", "url"], faults),
		allowPrivateAddresses: analyzer.allowPrivateAddresses ?? false,
		language: analyzer.language ?? "en",
		entities: analyzer.entities ?? analyzerEntities,
		score: analyzer.score ?? 0.5,
		timeoutMs,
	};
}

/** Of functions behind a URL. */
export function httpCredential(document: ConnectionDocument, faults: Fault[]): HttpCredential | undefined {
	const credential = compileCredential(document, faults);
	if (credential?.as !== "env") return credential;
	faults.push({
		path: ["credential", "as"],
		message: "found env, expected bearer, basic, header or query: there is no program that has an environment",
	});
	return undefined;
}

export function compileCredential({ credential }: ConnectionDocument, faults: Fault[]): HttpCredential | EnvironmentCredential | undefined {
	if (credential === undefined) return undefined;
	const { as, name, username } = credential;
	const needsName = as === "header" || as === "query" || as === "env";
	if (needsName && name === undefined)
		faults.push({
			path: ["credential"],
			message: `found no "name", expected the name of the ${as === "header" ? "header" : as === "env" ? "variable" : "query parameter"}`,
		});
	if (!needsName && name !== undefined)
		faults.push({ path: ["credential", "name"], atKey: true, message: `found name, expected none: as: ${as} has no name` });
	if (as === "basic" && username === undefined)
		faults.push({ path: ["credential"], message: 'found no "username", expected the user whose password the secret is' });
	if (as !== "basic" && username !== undefined)
		faults.push({ path: ["credential", "username"], atKey: true, message: `found username, expected none: as: ${as} has no user` });
	const why = as === "header" && name !== undefined ? whyNotHeader(name, "credential") : undefined;
	if (why !== undefined)
		faults.push({ path: ["credential", "name"], message: `found ${name}, expected a header that can carry a credential: ${why}` });
	if (as === "bearer") return { as };
	if (as === "basic") return { as, username: username ?? "" };
	return { as, name: name ?? "" };
}

/** An OpenAPI document's parameter of that name is left to the credential; who wrote the argument out wanted it to be one. */
function refuseTakenPlace(name: string, functions: readonly HttpFunction[], faults: Fault[]): void {
	for (const fn of functions) {
		if (fn.transport.parameters.some((parameter) => parameter.in === "query" && parameter.name === name))
			faults.push({
				path: ["functions", fn.name, "arguments"],
				message: `found the query parameter ${name}, expected another name: the credential goes there`,
			});
	}
}

export function compileLimits({ limits = {} }: ConnectionDocument, faults: Fault[]): HttpLimits {
	const bounded = (name: keyof typeof connectionBounds, value: number | undefined, unit: (value: number) => string): number => {
		const { byDefault, max } = connectionBounds[name];
		if (value !== undefined && value > max)
			faults.push({ path: ["limits", name], message: `found ${limits[name]}, expected at most ${unit(max)}` });
		return value ?? byDefault;
	};
	const time = (name: "connect" | "headers" | "total"): number => bounded(name, durationMs(limits[name] ?? ""), (ms) => `${ms / second}s`);
	const size = (name: "requestBody" | "responseBody"): number =>
		bounded(name, sizeBytes(limits[name] ?? ""), (bytes) => `${bytes / mebibyte}MiB`);
	return {
		connectTimeoutMs: time("connect"),
		headersTimeoutMs: time("headers"),
		totalTimeoutMs: time("total"),
		requestBodyBytesMax: size("requestBody"),
		responseBodyBytesMax: size("responseBody"),
	};
}

function compileForward({ forward = [] }: ConnectionDocument, credential: HttpCredential | undefined, faults: Fault[]): string[] {
	const names = forward.map((name) => name.toLowerCase());
	for (const [index, name] of names.entries()) {
		const isCredential = credential?.as === "header" && credential.name.toLowerCase() === name;
		const why = isCredential ? "the connection's credential goes there" : whyNotHeader(name, "forward");
		if (why !== undefined)
			faults.push({ path: ["forward", index], message: `found ${forward[index]}, expected a header that may pass: ${why}` });
		else if (names.indexOf(name) !== index)
			faults.push({ path: ["forward", index], message: `found ${forward[index]} twice, expected it once` });
	}
	return names;
}

type HttpFunction = MadeFunction<HttpTransport>;
type Found = { readonly functions: readonly HttpFunction[]; readonly openapiFaults: readonly Fault[]; readonly names: readonly string[] };

function functionsOf(document: ConnectionDocument, openapi: unknown, credential: HttpCredential | undefined, faults: Fault[]): Found {
	const functions = document.functions ?? {};
	if (openapi === undefined) return { functions: [], openapiFaults: [], names: Object.keys(functions) };
	const refinement = (name: string) => (Object.hasOwn(functions, name) ? functions[name] : undefined);
	const read = functionsFromOpenapi(openapi, {
		exposes: (name) => refinement(name)?.expose ?? (document.expose !== "listed" || refinement(name) !== undefined),
		renames: (name) => refinement(name)?.rename,
		...((credential?.as === "header" || credential?.as === "query") && { credential: { in: credential.as, name: credential.name } }),
	});
	for (const [name, written] of Object.entries(functions)) {
		if (!read.names.includes(name) && read.names.length > 0) {
			faults.push({
				path: ["functions", name],
				atKey: true,
				message: `found the function "${name}", expected an operation of ${document.openapi}${didYouMean(name, read.names)}`,
			});
		}
		for (const member of ["method", "path", "arguments", "query", "description"] as const) {
			if (written[member] !== undefined)
				faults.push({
					path: ["functions", name, member],
					atKey: true,
					message: `found ${member}, expected none: ${document.openapi} says it`,
				});
		}
	}
	for (const { name, key, known } of read.unusedRenames) {
		faults.push({
			path: ["functions", name, "rename", key],
			atKey: true,
			message: `found "${key}", expected one of ${known.slice(0, 30).join(", ") || "none: it has no arguments"}${didYouMean(key, known)}`,
		});
	}
	if (read.functions.length === 0 && read.errors.length === 0)
		faults.push({
			path: ["openapi"],
			message: `found no operation of ${document.openapi} that is exposed, expected at least one function`,
		});
	return { functions: read.functions, openapiFaults: read.errors, names: read.names };
}

/** Reports functions whose arguments could not be checked. Functions that share their definitions are as compilable as the first of them. */
export function refuseBadSchemas(document: ConnectionDocument, functions: readonly MadeFunction[], faults: Fault[]): void {
	const compilable = new Map<string, boolean>();
	for (const { name, argumentsSchema } of functions) {
		const path = document.mcp !== undefined ? ["mcp"] : document.openapi === undefined ? ["functions", name] : ["openapi"];
		const problem = whyNotASchema(argumentsSchema);
		if (problem !== undefined)
			faults.push({ path, message: `found a schema of ${name} that is not valid, expected JSON Schema 2020-12: ${problem}` });
		const shared = definitionNames(argumentsSchema);
		const known = compilable.get(shared) ?? canCompile(argumentsSchema);
		if (shared !== "") compilable.set(shared, known);
		if (!known)
			faults.push({
				path,
				message: `found schemas of ${name} that are too many to be checked, expected fewer (expose: listed leaves functions out)`,
			});
	}
}

function definitionNames(schema: JsonSchema): string {
	const defs = typeof schema === "object" ? schema.$defs : undefined;
	return Object.keys(defs ?? {})
		.sort()
		.join(" ");
}

export function refine<By extends Transport>(
	document: ConnectionDocument,
	openapi: unknown,
	fn: MadeFunction<By>,
	limits: HttpLimits,
	faults: Fault[],
): ConnectionFunction<By> {
	const written = document.functions && Object.hasOwn(document.functions, fn.name) ? document.functions[fn.name] : undefined;
	const timeoutMs = durationMs(written?.timeout ?? "") ?? limits.totalTimeoutMs;
	if (timeoutMs > connectionBounds.total.max) {
		faults.push({
			path: ["functions", fn.name, "timeout"],
			message: `found ${written?.timeout}, expected at most ${connectionBounds.total.max / second}s`,
		});
	}
	if (written?.stream === true && document.analyzer !== undefined) {
		faults.push({
			path: ["functions", fn.name, "stream"],
			message: "found stream beside the connection's analyzer, expected one of them: what is analyzed is a whole answer",
		});
	}
	if (written?.asks !== undefined && fn.transport.protocol !== "mcp")
		faults.push({
			path: ["functions", fn.name, "asks"],
			atKey: true,
			message: "found asks, expected it of a function of an MCP server alone",
		});
	let contract: string | undefined;
	let sensitiveAnswers: MarkedPlaces | undefined;
	return {
		...fn,
		idempotent: written?.idempotent ?? false,
		streams: written?.stream ?? false,
		timeoutMs,
		get contract() {
			contract ??= contractOf(fn);
			return contract;
		},
		get sensitiveAnswers() {
			sensitiveAnswers ??= markedAnswers(openapi, fn.resultSchemas);
			return sensitiveAnswers;
		},
	};
}

/** The names of a function's arguments where ingress refuses all others; undefined where the function is open to more. */
export function closedArgumentNames(fn: Pick<MadeFunction, "argumentsSchema">): ReadonlySet<string> | undefined {
	const schema: JsonSchema = fn.argumentsSchema;
	if (typeof schema === "boolean" || schema.additionalProperties !== false) return undefined;
	return new Set(Object.keys((schema.properties ?? {}) as Record<string, unknown>));
}
