// The rules of the house, held against the imports that are really there: who may know whom, and which folder may use which package.
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const areas = ["libs", "services", "cli", "infra", "test"];

/** Which folders and files may import a package. A package that is not here may be imported by nobody. Tests may use what they test with. */
const packages: Readonly<Record<string, readonly string[]>> = {
	nats: ["libs/bus/nats-link.ts", "libs/bus/nats-readers.ts", "libs/bus/nats-turns.ts"],
	bullmq: ["services/approval/"],
	ioredis: ["services/approval/"],
	"@slack/web-api": ["services/approval/", "infra/local/demo/slack-test-app.ts"],
	undici: ["services/executor/dial-http/http-client.ts", "libs/outbound/checked-fetch.ts"],
	"@opensearch-project/opensearch": ["services/audit/"],
	fastify: ["libs/service/", "services/ingress/", "services/approval/", "services/audit/", "infra/local/demo/"],
	"find-my-way": ["libs/service/http.ts"],
	"@fastify/swagger": ["libs/service/describe-api.ts"],
	jose: ["libs/contracts/", "libs/identity/", "libs/vault/", "libs/service/", "infra/local/"],
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
	"oidc-provider": ["infra/local/demo/"],
	vitest: ["test/", "vitest.config.ts", "libs/bus/bus-contract.ts", "libs/vault/vault-contract.ts"],
	"fast-check": ["test/"],
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
	if (area === "libs" && target !== "libs") return "libs know only libs";
	if (from.startsWith("libs/contracts/") && !to.startsWith("libs/contracts/")) return "contracts know only themselves";
	if (area === "services" && target !== "libs" && serviceOf(from) !== serviceOf(to)) return "a service knows only itself and #libs";
	if ((area === "cli" || area === "infra") && target === "services") return "services are processes: they are run, not imported";
	return undefined;
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
