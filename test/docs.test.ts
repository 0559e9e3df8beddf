// The pages say what is there: links lead somewhere, named files, commands, settings and problem codes exist, and tables are those of the code.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type TObject, type TSchema, Type } from "typebox";
import { describe, expect, test } from "vitest";
import { isProblemCode, problems } from "#libs/contracts/problems.ts";
import { readOptions, usage } from "../infra/local/options.ts";
import { ApprovalConfig } from "../services/approval/config.ts";
import { AuditConfig } from "../services/audit/config.ts";
import { ExecutorConfig } from "../services/executor/config.ts";
import { IngressConfig } from "../services/ingress/config.ts";
import { PolicyConfig } from "../services/policy/config.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");
const inFolder = (folder: string, ending: RegExp) =>
	readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile() && ending.test(entry.name))
		.map((entry) => relative(root, join(entry.parentPath, entry.name)));

const pages = ["README.md", ...inFolder("docs", /\.md$/)];
const written = pages.filter((page) => !page.startsWith("docs/reference/"));
const operations = read("docs/operations.md");

interface Link {
	readonly page: string;
	readonly text: string;
	readonly target: string;
}

const links: Link[] = pages.flatMap((page) =>
	[...withoutFences(read(page)).matchAll(/\[((?:[^\][]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g)].map(([, text = "", target = ""]) => ({
		page,
		text,
		target,
	})),
);
const local = links.filter(({ target }) => !/^[a-z]+:/.test(target));

function withoutFences(text: string): string {
	return text.replace(/^```[^\n]*\n[\s\S]*?^```$/gm, "");
}

/** GitHub's way from a heading to its anchor. */
function anchorsOf(page: string): string[] {
	const headings = [...withoutFences(read(page)).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => heading);
	return headings.map((heading) =>
		heading
			.toLowerCase()
			.replace(/[^\p{L}\p{N} _-]/gu, "")
			.replaceAll(" ", "-"),
	);
}

function pathOf({ page, target }: Link): string {
	const [path = ""] = target.split("#");
	return path === "" ? page : normalize(join(dirname(page), path));
}

describe("links", () => {
	test("there are pages and links to check", () => {
		expect(pages.length).toBeGreaterThan(12);
		expect(local.length).toBeGreaterThan(100);
	});

	test("each leads to a file or folder of the project", () => {
		expect(local.filter((link) => !existsSync(join(root, pathOf(link)))).map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
	});

	test("each anchor is a heading's", () => {
		const broken = local.filter((link) => {
			const [, anchor] = link.target.split("#");
			return anchor !== undefined && !anchorsOf(pathOf(link)).includes(anchor);
		});
		expect(broken.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
	});

	test("a function or file that a link names is in the file it leads to", () => {
		const wrong = local.filter((link) => {
			const [, name] = /^`([A-Za-z][\w.-]*)`$/.exec(link.text) ?? [];
			if (name === undefined || !link.target.includes(".ts")) return false;
			return name.includes(".") ? !link.target.endsWith(name) : !new RegExp(`\\b${name}\\b`).test(read(pathOf(link)));
		});
		expect(wrong.map(({ page, text, target }) => `${page}: ${text} is not in ${target}`)).toEqual([]);
	});
});

describe("what pages name", () => {
	const named = (pattern: RegExp) => written.flatMap((page) => [...read(page).matchAll(pattern)].map(([, name = ""]) => ({ page, name })));

	test("files that are named exist", () => {
		const files = named(/`((?:libs|services|infra|test|cli|docs)\/[\w./-]+\.\w+)`/g);
		expect(files.filter(({ name }) => !existsSync(join(root, name)))).toEqual([]);
	});

	test("npm scripts and the options of npm start exist", () => {
		const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
		const run = [...named(/npm run (?:-s |--silent )?([a-z][\w:-]*)/g), ...named(/npm (start|test)\b/g)];
		expect(run.length).toBeGreaterThan(3);
		expect(run.filter(({ name }) => scripts[name] === undefined)).toEqual([]);
		const options = written.flatMap((page) =>
			[...read(page).matchAll(/npm start -- ((?:--\w+(?: [A-Z0-9]\w*)? ?)+)/g)].flatMap(([, some = ""]) =>
				[...some.matchAll(/--(\w+)/g)].map(([option]) => ({ page, option })),
			),
		);
		expect(options.length).toBeGreaterThan(0);
		expect(options.filter(({ option }) => !usage.includes(`\n  ${option} `))).toEqual([]);
		expect(() => readOptions(["--port", "7300", "--tour"], "/", "/")).not.toThrow();
	});

	test("commands of callgate exist", () => {
		const commands = named(
			/callgate (?:-- )?((?:audit|call|functions|approvals|secret|check|doctor|start|mcp|pull)(?: (?:[a-z]+)(?= |`|$))?)(?=[ `]|$)/gm,
		);
		// Each command has a file of its name, in which its own commands are.
		const isThere = ({ name }: { name: string }) => {
			const [command = "", ...inner] = name.split(" ");
			const file = `cli/${command}.ts`;
			return existsSync(join(root, file)) && inner.every((word) => read(file).includes(`"${word}"`));
		};
		expect(commands.length).toBeGreaterThan(5);
		expect(commands.filter((command) => !isThere(command))).toEqual([]);
	});

	test("problem codes exist", () => {
		const near = named(/(?:`)([a-z]+(?:_[a-z]+)+)(?:`)/g).filter(({ name }) => !knownWords.has(name));
		expect(near.filter(({ name }) => !isProblemCode(name) && !name.startsWith("callgate_"))).toEqual([]);
		expect(Object.keys(problems).filter((code) => !read("docs/reference/problems.md").includes(`\`${code}\``))).toEqual([]);
	});

	test("metrics exist, with their labels, and every one is on the page of operations", () => {
		const metrics = named(/`(callgate_[a-z_]+(?:\{[a-z,]+\})?)/g);
		const sources = ["services", "libs", "infra/nats", "cli/forward"].flatMap((folder) => inFolder(folder, /\.ts$/)).map(read);
		const made = new Set(sources.flatMap((source) => [...source.matchAll(/"(callgate_[a-z_]+)"/g)].map(([, name = ""]) => name)));
		const isMade = ({ name }: { name: string }) => {
			const [metric = "", labels] = name.replace("}", "").split("{");
			const list = labels
				?.split(",")
				.map((label) => `"${label}"`)
				.join(",\\s*");
			const labelled = new RegExp(`"${metric}",[^;]*\\[\\s*${list},?\\s*\\]`);
			return made.has(metric) && (list === undefined || sources.some((source) => labelled.test(source)));
		};
		expect(metrics.filter((metric) => !isMade(metric))).toEqual([]);
		expect([...made].filter((metric) => !operations.includes(metric))).toEqual([]);
	});

	test("no page knows the machine it was written on", () => {
		const machine = /\/(?:home|root|work|Users)\/|\b(?!127\.0\.0\.1)(?:10|192\.168)\.\d+\.\d+\.\d+:\d+/;
		expect(written.filter((page) => machine.test(read(page)))).toEqual([]);
	});
});

/** Written like a problem code, and another thing: reasons of decisions, and words of Slack, NATS and OpenSearch. */
const knownWords = new Set([
	...["condition_error", "no_rule_matched", "limit_exceeded", "denied_by_rule", "exists_one", "email_verified"],
	...["not_in_channel", "invalid_auth", "mcp_approval_request", "is_error", "function_refused", "input_required"],
	...["sync_interval", "max_ack_pending", "if_seq_no", "if_primary_term", "ack_wait", "max_bytes", "max_payload"],
]);

interface Setting {
	readonly env: string;
	readonly description: string;
	readonly secret?: boolean;
	readonly default?: unknown;
	readonly minimum?: number;
	readonly maximum?: number;
}

const configs: Readonly<Record<string, TObject>> = {
	ingress: IngressConfig,
	policy: PolicyConfig,
	approval: ApprovalConfig,
	executor: ExecutorConfig,
	audit: AuditConfig,
};

/** The rows of one process, as `docs/operations.md` must have them. */
function rowsOf(config: TObject): string[] {
	return Object.values(config.properties as Record<string, TSchema>).map((property) => {
		const { env, description, secret, minimum, maximum, ...rest } = property as unknown as Setting;
		const isOptional = Type.IsOptional(property);
		const standard = rest.default === undefined ? (isOptional ? "none" : "**required**") : `\`${rest.default}\``;
		const bounds = minimum === undefined || maximum === undefined ? "" : `${minimum} to ${maximum}`;
		return `| \`${env}${secret ? "_FILE" : ""}\` | ${description.replaceAll("|", "\\|")} | ${standard} | ${bounds} |`;
	});
}

describe("settings", () => {
	test.each(Object.keys(configs))("the table of %s is its schema's", (service) => {
		const section = operations.split(`\n### ${service}\n`)[1]?.split(/\n##/)[0] ?? "";
		const rows = section.split("\n").filter((line) => line.startsWith("| `"));
		expect(rows).toEqual(rowsOf(configs[service] ?? Type.Object({})));
	});

	test("every variable that the code reads is on the page, and every one on the page is read", () => {
		const sources = ["services", "libs", "infra", "cli"]
			.flatMap((folder) => inFolder(folder, /\.(?:ts|mjs)$/))
			.filter((file) => !/\.test\.ts$/.test(file));
		const inCode = new Set(
			sources.flatMap((file) =>
				[...read(file).matchAll(/"(CALLGATE_[A-Z_]+)"|\.(CALLGATE_[A-Z_]+)/g)].map(([, quoted, member]) => quoted ?? member ?? ""),
			),
		);
		const onPages = new Set(
			written.flatMap((page) =>
				[...read(page).matchAll(/\b(CALLGATE_[A-Z_]+[A-Z])\b/g)].map(([, name = ""]) => name.replace(/_FILE$/, "")),
			),
		);
		const base = (name: string) => name.replace(/_FILE$/, "");
		expect([...inCode].map(base).filter((name) => !onPages.has(name))).toEqual([]);
		expect([...onPages].filter((name) => ![...inCode].map(base).includes(name) && !composeOnly.has(name))).toEqual([]);
	});
});

/** Read by the Compose file alone. */
const composeOnly = new Set(["CALLGATE_OPENSEARCH_PASSWORD", "CALLGATE_VALKEY_PASSWORD"]);
