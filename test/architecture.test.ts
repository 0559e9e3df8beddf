// The rules of the house, held against the imports that are really there: who may know whom, and which folder may use which package.
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const areas = ["libs", "services", "cli", "client", "infra", "test", "docs"];

/** Which folders and files may import a package. A package that is not here may be imported by nobody. Tests may use what they test with. */
const packages: Readonly<Record<string, readonly string[]>> = {
	nats: ["libs/bus/nats-link.ts", "libs/bus/nats-readers.ts", "libs/bus/nats-turns.ts"],
	bullmq: ["services/approval/deadlines-bullmq.ts"],
	ioredis: ["services/approval/deadlines-bullmq.ts"],
	"@slack/web-api": ["services/approval/approvers-slack.ts", "services/approval/slack-", "infra/local/demo/slack-test-app.ts"],
	undici: ["services/executor/dial-http/http-client.ts", "libs/outbound/checked-fetch.ts", "cli/forward/post.ts"],
	"@opensearch-project/opensearch": ["services/audit/connect-opensearch.ts"],
	"@aws-sdk/client-s3": ["libs/proof/store-s3.ts", "test/"],
	fastify: ["libs/service/", "services/ingress/listen/", "services/approval/listen-", "services/audit/listen-", "infra/local/demo/"],
	"find-my-way": ["libs/service/http.ts"],
	"@fastify/swagger": ["libs/service/describe-api.ts"],
	jose: ["libs/contracts/", "libs/identity/", "libs/vault/", "libs/service/", "services/audit/page/", "infra/local/"],
	"openid-client": ["services/audit/page/"],
	"@bufbuild/cel": ["libs/policy/"],
	"@bufbuild/protobuf": ["libs/policy/"],
	"@bufbuild/re2": ["libs/patterns/"],
	ajv: ["libs/functions/", "infra/local/demo/"],
	"ajv-formats": ["libs/functions/", "infra/local/demo/"],
	canonicalize: ["libs/contracts/digest.ts"],
	tinypool: ["libs/service/work-aside.ts"],
	uuid: ["services/ingress/"],
	pino: ["libs/service/logger.ts"],
	"prom-client": ["libs/service/metrics.ts"],
	typebox: ["libs/", "services/", "infra/"],
	yaml: ["libs/configuration/", "infra/"],
	"libphonenumber-js": ["libs/masking/"],
	commander: ["cli/"],
	callgate: ["docs/examples/"],
	openai: ["docs/examples/"],
	"@anthropic-ai/sdk": ["docs/examples/"],
	"oidc-provider": ["infra/local/demo/"],
	standardwebhooks: ["test/"],
	"@modelcontextprotocol/client": ["cli/pull.ts"],
	"@modelcontextprotocol/conformance": ["test/"],
	"@modelcontextprotocol/ext-tasks": ["test/"],
	"@modelcontextprotocol/inspector-cli": ["test/"],
	"@modelcontextprotocol/node": ["test/", "infra/local/demo/"],
	"@modelcontextprotocol/sdk": ["test/"],
	"@modelcontextprotocol/server": ["test/", "infra/local/demo/"],
	vitest: ["test/", "vitest.config.ts", "libs/bus/bus-contract.ts", "libs/vault/vault-contract.ts"],
	"fast-check": ["test/"],
	"playwright-core": ["test/"],
	"axe-core": ["test/"],
};

/** Where `process.env` and `process.exit` may stand besides every `main.ts`. */
const mayTouchProcess = [/(^|\/)main\.ts$/, /^libs\/service\/run\.ts$/, /^infra\//, /^test\//];

interface Import {
	readonly from: string;
	/** A path from the root, or the name of a package. */
	readonly to: string;
	readonly isPackage: boolean;
}

function filesIn(folder: string): string[] {
	return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
		.map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** Static imports, re-exports, dynamic imports and bare ones: type imports count too, for they are knowledge all the same. */
const importing =
	/(?:^|\n)\s*(?:import|export)\s[^;"'`]*?from\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;

function importsIn(file: string, text: string): Import[] {
	return [...text.matchAll(importing)].flatMap(([, ...groups]): Import[] => {
		const specifier = groups.find((group) => group !== undefined) ?? "";
		if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return [];
		if (specifier.startsWith("#libs/")) return [{ from: file, to: specifier.slice(1), isPackage: false }];
		if (specifier.startsWith(".")) return [{ from: file, to: normalize(join(dirname(file), specifier)), isPackage: false }];
		const parts = specifier.split("/");
		const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
		return [{ from: file, to: name, isPackage: true }];
	});
}

const files = areas.flatMap(filesIn);
const graph = files.flatMap((file) => importsIn(file, readFileSync(join(root, file), "utf8")));
const isTest = (file: string) => /\.test\.ts$|test-support\.ts$|-contract\.ts$|fixture\.ts$/.test(file) || file.startsWith("test/");
const areaOf = (file: string) => file.split("/")[0] ?? "";
const serviceOf = (file: string) => /^services\/([^/]+)\//.exec(file)?.[1];

/** Files of a service where a process or a thread begins: they know everyone. */
const begins = /^services\/[^/]+\/(?:main|work)\.ts$/;
/** What a service has outside of its core: ways in and out, each named after what it speaks, or in a room of its own. */
const adapters = /^services\/[^/]+\/(?:[^/]+\/|listen-|slack-|opensearch-|[^/]+-(?:http|slack|bullmq|opensearch|memory)\.ts$)/;
/** What only adapters may know: one protocol's making and reading. */
const protocols = /^libs\/(?:openapi\/|mcp\/|service\/(?:http|describe-api|authenticate-first|parse-body)\.ts$)/;

const isCore = (file: string) => file.startsWith("services/") && !begins.test(file) && !adapters.test(file);

/** Within a service: `main → service → verbs → ports ← adapters`. A port takes no type from an adapter, and a verb imports none. */
function wallFault(from: string, to: string): string | undefined {
	if (!isCore(from)) return undefined;
	if (begins.test(to)) return "nobody imports where a process or a thread begins";
	if (adapters.test(to)) return "what a service decides knows no adapter: ask through a port";
	if (protocols.test(to)) return "what a service decides knows no protocol";
	return undefined;
}

/** What breaks the rules, as `from → to: why`. */
function violations(imports: readonly Import[]): string[] {
	return imports.flatMap(({ from, to, isPackage }) => {
		const why = isPackage ? packageFault(from, to) : directionFault(from, to);
		return why ? [`${from} → ${to}: ${why}`] : [];
	});
}

function packageFault(from: string, name: string): string | undefined {
	const allowed = packages[name];
	if (!allowed) return "the package is not in the table";
	if (isTest(from) || allowed.some((place) => from.startsWith(place))) return undefined;
	return `only ${allowed.join(", ")} may use it`;
}

function directionFault(from: string, to: string): string | undefined {
	const [area, target] = [areaOf(from), areaOf(to)];
	if (area === "test" || isTest(from)) return undefined;
	if (area === "docs" && target !== "docs") return "an example stands alone: readers copy it";
	if (area === "client" && target !== "client") return "the client is a package of its own";
	if (area === "libs" && target !== "libs") return "libs know only libs";
	if (from.startsWith("libs/contracts/") && !to.startsWith("libs/contracts/")) return "contracts know only themselves";
	if (area === "services" && target !== "libs" && serviceOf(from) !== serviceOf(to)) return "a service knows only itself and #libs";
	if ((area === "cli" || area === "infra") && target === "services") return "services are processes: they are run, not imported";
	return wallFault(from, to);
}

function cycles(imports: readonly Import[]): string[][] {
	const edges = Map.groupBy(
		imports.filter(({ isPackage }) => !isPackage),
		({ from }) => from,
	);
	const found: string[][] = [];
	const state = new Map<string, "open" | "done">();
	const visit = (file: string, path: string[]): void => {
		if (state.get(file) === "done") return;
		if (state.get(file) === "open") {
			found.push([...path.slice(path.indexOf(file)), file]);
			return;
		}
		state.set(file, "open");
		for (const { to } of edges.get(file) ?? []) visit(to, [...path, file]);
		state.set(file, "done");
	};
	for (const file of edges.keys()) visit(file, []);
	return found;
}

describe("the house", () => {
	test("the graph that is checked is the real one", () => {
		expect(files.length).toBeGreaterThan(100);
		expect(graph.filter(({ isPackage }) => !isPackage).length).toBeGreaterThan(300);
		for (const { to, isPackage } of graph) if (!isPackage && to.endsWith(".ts")) expect(files).toContain(to);
	});

	test("everyone imports only what they may", () => {
		expect(violations(graph)).toEqual([]);
	});

	test("a forbidden import of each kind is found", () => {
		const planted: [file: string, text: string][] = [
			["services/ingress/a.ts", 'import { x } from "../policy/decide-call.ts";'],
			["services/ingress/a.ts", 'import type { X } from "nats";'],
			["libs/bus/a.ts", 'export { x } from "../../services/policy/service.ts";'],
			["libs/contracts/a.ts", 'import { x } from "#libs/policy/decide.ts";'],
			["cli/a.ts", 'const x = await import("../services/policy/service.ts");'],
			["services/audit/a.ts", 'import "left-pad";'],
			["libs/policy/a.ts", 'import {\n\ta,\n\tb,\n} from "undici";'],
			["services/executor/ports.ts", 'import type { X } from "./dial-http/http-client.ts";'],
			["services/approval/hold-call.ts", 'import { x } from "./deadlines-bullmq.ts";'],
			["services/ingress/submit-call.ts", 'import type { X } from "./listen/listen-proxy.ts";'],
			["services/ingress/submit-call.ts", 'import { x } from "./work.ts";'],
			["services/ingress/submit-call.ts", 'import { x } from "#libs/openapi/match-route.ts";'],
			["services/ingress/submit-call.ts", 'import type { X } from "fastify";'],
			["services/audit/record-event.ts", 'import type { X } from "./index-opensearch.ts";'],
		];
		for (const [file, text] of planted) expect(violations(importsIn(file, text)), text).toHaveLength(1);
	});

	test("there are no cycles, and one would be found", () => {
		expect(cycles(graph)).toEqual([]);
		const planted = [
			{ from: "a.ts", to: "b.ts", isPackage: false },
			{ from: "b.ts", to: "a.ts", isPackage: false },
		];
		expect(cycles(planted)).toHaveLength(1);
	});

	test("every package in the table is declared, and every declared dependency is in the table", () => {
		const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: Record<string, string> };
		expect(Object.keys(dependencies).filter((name) => !packages[name])).toEqual([]);
	});

	test("each service has a core, and what is outside of it is there", () => {
		const [ingress, executor] = ["ingress", "executor"].map((service) =>
			files.filter((file) => file.startsWith(`services/${service}/`) && !isTest(file)),
		);
		expect(ingress?.filter((file) => adapters.test(file)).length).toBeGreaterThan(5);
		expect(executor?.filter(isCore).length).toBeGreaterThan(8);
		for (const core of ["services/executor/dial-error.ts", "services/ingress/stream-steps.ts"]) expect(isCore(core), core).toBe(true);
		for (const file of files.filter((one) => begins.test(one))) expect(isCore(file)).toBe(false);
	});

	test("what a process remembers has an owner: at the top of a service's files nothing is kept but what was made of what never changes", () => {
		const kept = /^(?:export )?(?:let |const \w+(?:: [^=]+)? = new (?:Map|Set)(?:<.*>)?\(\))/m;
		expect(kept.test("const claims = new Map<string, Claim>();\n")).toBe(true);
		expect(kept.test("\nlet last: string | undefined;\n")).toBe(true);
		// Leases and claims are objects in ports. What is kept weakly is made of a revision, which never changes, and goes with it.
		const weak =
			/^(?:export )?const \w+(?:: [^=]+)? = new Weak(?:Map|Set)\b(?!<(?:readonly )?(?:Configuration|Connection|ConnectionFunction)\b)/m;
		expect(weak.test("const leases = new WeakMap<Prepared, Lease>();\n")).toBe(true);
		expect(weak.test("const dialled = new WeakSet();\n")).toBe(true);
		expect(weak.test("const names = new WeakMap<Configuration, Names>();\n")).toBe(false);
		const services = files.filter((file) => file.startsWith("services/") && !isTest(file));
		for (const memory of [kept, weak]) expect(services.filter((file) => memory.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
	});

	test("a service folder has its five files", () => {
		for (const service of readdirSync(join(root, "services"))) {
			const names = readdirSync(join(root, "services", service));
			expect(names, service).toEqual(expect.arrayContaining(["main.ts", "config.ts", "ports.ts", "service.ts"]));
		}
	});

	test("the environment and the process's end are touched where a process begins", () => {
		const touching = files.filter(
			(file) =>
				!mayTouchProcess.some((place) => place.test(file)) &&
				!isTest(file) &&
				/process\.(env|exit)\b/.test(readFileSync(join(root, file), "utf8")),
		);
		expect(touching).toEqual([]);
	});

	test("no drawers, no barrels: each file says in its first line what it is for", () => {
		expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|index)(\.|\/)/.test(file))).toEqual([]);
		expect(files.filter((file) => !/^(#!.*\n)?\/\/ \S/.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
	});
});
