// Kind `Connection`: where functions live, how to get there, and what may pass. How one is compiled: ../compile-connection.ts.
import { type Static, type TSchema, Type } from "typebox";
import { functionNamePattern, namePattern } from "#libs/contracts/call.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import type { ServerRevision } from "#libs/mcp/definitions.ts";
import type { PinnedEntries } from "#libs/mcp/pinned-entries.ts";
import { askables } from "#libs/mcp/questions.ts";
import { durationPattern } from "#libs/policy/duration.ts";
import { sizePattern } from "../quantity.ts";
import { allowPrivateAddresses } from "./addresses.ts";
import { type Analyzer, AnalyzerDocument } from "./analyzer.ts";

const closed = { additionalProperties: false } as const;
const Duration = (description: string, byDefault: string) =>
	Type.Optional(Type.String({ pattern: durationPattern, default: byDefault, description }));
const Size = (description: string, byDefault: string) =>
	Type.Optional(Type.String({ pattern: sizePattern, expected: "a size such as 512B, 64KiB or 1MiB", default: byDefault, description }));
const Header = Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$", expected: "the name of a header" });

export const CredentialDocument = Type.Object(
	{
		secret: Type.String({
			pattern: namePattern,
			hidden: true,
			expected: "the name of a secret in the vault (never the secret itself)",
			description: "Its name in the executor's vault.",
		}),
		as: Type.Union([Type.Literal("bearer"), Type.Literal("basic"), Type.Literal("header"), Type.Literal("query"), Type.Literal("env")], {
			description: "How the function wants it; `env` for a program (MCP with `command`).",
		}),
		name: Type.Optional(
			Type.String({
				pattern: "^[A-Za-z0-9_.-]{1,128}$",
				expected: "the name of a header, query parameter or variable",
				description: "For `header`, `query` and `env`: its name.",
			}),
		),
		username: Type.Optional(
			Type.String({
				pattern: "^[\\x21-\\x39\\x3b-\\x7e]{1,128}$",
				expected: "a user name without spaces and colons",
				description: "For `basic`: the user; the secret is the password.",
			}),
		),
	},
	closed,
);

/** Members of one function that refine what the OpenAPI document says. */
const refinement = {
	idempotent: Type.Optional(
		Type.Boolean({
			default: false,
			description: "Whether a call whose outcome is unknown may be sent again (with the same idempotency key).",
		}),
	),
	timeout: Type.Optional(
		Type.String({ pattern: durationPattern, description: "How long one call may take. Default: the connection's `limits.total`." }),
	),
	stream: Type.Optional(
		Type.Boolean({
			default: false,
			description:
				"Whether callers may see an answer in `text/event-stream` or lines of JSON as it comes, piece by piece; of an MCP server's function, what the server says before it answers. Without it each answer is whole.",
		}),
	),
	asks: Type.Optional(
		Type.Array(Type.Enum([...askables]), {
			uniqueItems: true,
			maxItems: askables.length,
			description:
				"MCP (2026-07-28): what the server may ask the client for in the middle of a call, where the client can be asked. Default: nothing; an answer that asks is withheld.",
		}),
	),
	expose: Type.Optional(
		Type.Boolean({ description: "Whether callers can reach it at all. Default: what the connection's `expose` says." }),
	),
	rename: Type.Optional(
		Type.Record(
			Type.String({ minLength: 1, maxLength: 200 }),
			Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,127}$", expected: "a name for the argument" }),
			{
				description: "New names of arguments, by place and name: `path.id: account`.",
			},
		),
	),
};

export const FunctionDocument = Type.Object(
	{
		...refinement,
		method: Type.Optional(Type.Enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])),
		path: Type.Optional(
			Type.String({
				pattern: "^/",
				maxLength: 2_048,
				expected: "a path that starts with /",
				description: "Parameters in braces: `/accounts/{id}`.",
			}),
		),
		arguments: Type.Optional(
			Type.Object(
				{},
				{
					description:
						"JSON Schema (2020-12) of the arguments, an object. What the path does not take goes into the query (GET, HEAD, DELETE) or into the JSON body.",
				},
			),
		),
		query: Type.Optional(
			Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
				maxItems: 64,
				description: "Arguments that go into the query although there is a body.",
			}),
		),
		description: Type.Optional(Type.String({ maxLength: 4_000 })),
	},
	closed,
);

/** Fields with their meaning and default; bounds that the form cannot say are checked when it is compiled. */
export const ConnectionDocument = Type.Object(
	{
		kind: Type.Literal("Connection"),
		name: Type.String({ pattern: namePattern }),
		protocol: Type.Enum(["http", "mcp"], { description: "What its functions speak." }),
		url: Type.Optional(
			Type.String({
				maxLength: 2_048,
				expected: "the URL under which the functions' paths stand",
				description: "HTTP: its path comes before every function's path. MCP: the server's own address (streamable HTTP).",
			}),
		),
		command: Type.Optional(
			Type.String({
				pattern: "^/",
				maxLength: 1_024,
				expected: "the absolute path of a program",
				description: "MCP, instead of url: a program that the executors of the pool start, without a shell, and speak to in lines (stdio).",
			}),
		),
		args: Type.Optional(
			Type.Array(Type.String({ maxLength: 4_096 }), { maxItems: 64, default: [], description: "What the program is started with." }),
		),
		env: Type.Optional(
			Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,127}$" }), Type.String({ maxLength: 4_096 }), {
				description: "The program's whole environment, but for the credential: the executor's own is not inherited.",
			}),
		),
		insecure: Type.Optional(
			Type.Boolean({
				default: false,
				description: "Allows plain http to another machine: credential and data are then readable on the way.",
			}),
		),
		openapi: Type.Optional(
			Type.String({
				minLength: 1,
				maxLength: 512,
				expected: "a file of this folder",
				description: "OpenAPI 3.0 or 3.1, YAML or JSON, beside this file: one function per operation.",
			}),
		),
		mcp: Type.Optional(
			Type.String({
				minLength: 1,
				maxLength: 512,
				expected: "a file of this folder",
				description:
					"MCP: what the server says that it has, beside this file, as `callgate pull` wrote it. One function per tool; a tool that is no longer what stands there does not run.",
			}),
		),
		media: Type.Optional(
			Type.Enum(["withhold", "pass"], {
				default: "withhold",
				description: "MCP: what becomes of answers with images, audio and other bytes, which cannot be searched and masked.",
			}),
		),
		suspicious: Type.Optional(
			Type.Object(
				{
					invisible: Type.Optional(
						Type.Enum(["refuse", "tell"], {
							default: "refuse",
							description: "Characters that nobody sees, and that no script or emoji needs there.",
						}),
					),
					instructions: Type.Optional(
						Type.Enum(["refuse", "tell"], { default: "tell", description: "Sentences that give a model orders." }),
					),
				},
				{
					...closed,
					description:
						"What becomes of texts in the OpenAPI document or the pinned lists that say more to a model than to whoever reviews them. `refuse`: the folder is not activated; `tell`: `callgate check` and `callgate pull` show them.",
				},
			),
		),
		expose: Type.Optional(
			Type.Union([Type.Literal("all"), Type.Literal("listed")], {
				default: "all",
				description: "`listed`: only operations and tools named under `functions:` exist.",
			}),
		),
		functions: Type.Optional(Type.Record(Type.String({ pattern: functionNamePattern }), FunctionDocument)),
		credential: Type.Optional(CredentialDocument),
		pool: Type.Optional(Type.String({ pattern: namePattern, default: "default", description: "Which executors can reach it." })),
		forward: Type.Optional(
			Type.Array(Header, { maxItems: 32, default: [], description: "Headers of the caller that are passed on; all others are dropped." }),
		),
		allowPrivateAddresses,
		analyzer: Type.Optional(AnalyzerDocument),
		limits: Type.Optional(
			Type.Object(
				{
					connect: Duration("Until the connection stands.", "5s"),
					headers: Duration("Until the answer's headers are there.", "30s"),
					total: Duration("Until the answer is complete.", "60s"),
					requestBody: Size("Largest body that is sent.", "1MiB"),
					responseBody: Size("Largest body that is read.", "4MiB"),
				},
				closed,
			),
		),
	},
	closed,
) satisfies TSchema;
export type ConnectionDocument = Static<typeof ConnectionDocument>;

/** How the executor shows a secret to an HTTP function. */
export type HttpCredential =
	| { readonly as: "bearer" } // RFC 6750
	| { readonly as: "basic"; readonly username: string } // RFC 7617
	| { readonly as: "header"; readonly name: string }
	| { readonly as: "query"; readonly name: string };

/** How the executor shows a secret to a program that it starts. */
export type EnvironmentCredential = { readonly as: "env"; readonly name: string };

export type HttpLimits = {
	readonly connectTimeoutMs: number;
	readonly headersTimeoutMs: number;
	readonly totalTimeoutMs: number;
	readonly requestBodyBytesMax: number;
	readonly responseBodyBytesMax: number;
};

/** How to get to the functions of an HTTP connection, and what may pass. */
export type HttpConnection = {
	readonly protocol: "http";
	/** Without a slash at the end: a function's path follows directly. */
	readonly url: string;
	/** Absent: its functions ask for none. */
	readonly credential?: HttpCredential;
	/** Lower case. */
	readonly forward: readonly string[];
	readonly allowPrivateAddresses: boolean;
	readonly limits: HttpLimits;
};

/** How to get to an MCP server, and what may pass. */
export type McpConnection = Pick<HttpConnection, "allowPrivateAddresses" | "limits"> & {
	readonly protocol: "mcp";
	/** The server's own address; `stdio:` and the command where it is a program. */
	readonly url: string;
	readonly credential?: HttpCredential | EnvironmentCredential;
	/** Started by each executor of the pool, and ended with it. */
	readonly program?: { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
	/** Which the server spoke when its lists were pinned; it is spoken to in no other. */
	readonly revision: ServerRevision;
	/** Whether images, audio and other bytes pass, which nobody can search. */
	readonly passesMedia: boolean;
	/** The file that holds the pinned lists. */
	readonly pinnedIn: string;
	/** What the server had when it was pinned, for callers that speak MCP: entries as the server wrote them. */
	readonly pinned: PinnedEntries;
};

export type Connection = {
	readonly name: string;
	readonly pool: string;
	/** The name in the vault of the credential that its functions ask for. */
	readonly secret?: string;
	/** Absent: nobody is asked, and only patterns are found. */
	readonly analyzer?: Analyzer;
	/** A union by protocol. */
	readonly transport: HttpConnection | McpConnection;
	/** In the order of their names. */
	readonly functions: readonly ConnectionFunction[];
	/** The function of this name; undefined if there is none. */
	function(name: string): ConnectionFunction | undefined;
};
