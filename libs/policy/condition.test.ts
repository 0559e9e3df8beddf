// Conditions under arguments that an attacker chose: names of JavaScript's own members, floods, and texts that pose as numbers.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
import { viewOf } from "./call-view.ts";
import { type Answer, compileAmount, compileCondition } from "./condition.ts";
import { stepsMax, withBudget } from "./condition-budget.ts";

function viewWith(args: JsonObject, declared?: string[]) {
	const caller = { issuer: "https://idp.example.com", subject: "someone", groups: [] };
	const call = { caller, connection: "c", function: "f", arguments: args, receivedAt: "2026-01-14T10:00:00.000Z" };
	return viewOf(call, declared && new Set(declared));
}

function ask(source: string, args: JsonObject, declared?: string[]): Answer {
	return withBudget(stepsMax, () => compileCondition(source).ask(viewWith(args, declared)));
}

/** As JSON.parse makes it: an own member called __proto__. */
const polluted = JSON.parse(
	'{"__proto__": {"admin": true}, "constructor": {"name": "x"}, "nested": {"__proto__": {"admin": true}}}',
) as JsonObject;

describe("JavaScript's own names", () => {
	test.each([
		["args.admin == true", polluted, "error"],
		["has(args.admin)", polluted, "false"],
		["has(args.nested.admin)", polluted, "false"],
		["has(args.toString) || has(args.hasOwnProperty) || has(args.valueOf)", {}, "false"],
		['args.constructor.name == "x"', polluted, "true"],
		['args["__proto__"].admin', polluted, "true"],
		["args.constructor == null", {}, "error"],
	] as const)("%s", (source, args, answer) => {
		expect(ask(source, args)).toBe(answer);
	});

	test("an object that poses as a Map, a list or a library value is a map of its members", () => {
		const posing = { a: { size: 9, _map: 1, constructor: { name: "Object" }, $typeName: "google.protobuf.Any", seconds: 1 } };
		expect(ask('args.a.size == 9 && args.a["$typeName"] == "google.protobuf.Any" && size(args.a) == 5', posing)).toBe("true");
	});
});

describe("numbers", () => {
	test.each([Number.NaN, Number.POSITIVE_INFINITY])("%s among the arguments cannot be told", (value) => {
		expect(ask("args.n > 1", { n: value })).toBe("error");
		expect(ask("args.other > 1", { n: value, other: 2 })).toBe("error");
	});

	test("comparisons with integer literals agree with JavaScript for every JSON number", () => {
		const literals = [0, 1, 1000, -5, Number.MAX_SAFE_INTEGER];
		fc.assert(
			fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(...literals), (n, literal) => {
				const expected = [n < literal, n <= literal, n > literal, n >= literal, n === literal, n !== literal];
				const seen = ["<", "<=", ">", ">=", "==", "!="].map((operator) => ask(`args.n ${operator} ${literal}`, { n }) === "true");
				expect(seen).toEqual(expected);
			}),
		);
	});

	test.each(["", " 5", "0x10", "1e3", "NaN", "Infinity", "--1", "1.", ".5", "٣"])("%j is no number for double() and int()", (text) => {
		expect(ask("double(args.t) < 1e300", { t: text })).toBe("error");
		expect(ask("int(args.t) < 9007199254740991", { t: text })).toBe("error");
	});
});

describe("bounds", () => {
	const many = Array.from({ length: 60_000 }, (_, at) => at);
	const long = "a".repeat(1_000_000);
	test.each([
		["a loop over more than the budget", "args.many.exists(i, i < 0 || i < -1 || i < -2)"],
		["a loop that searches a list each turn", "args.many.exists(i, -1 - i in args.many)"],
		["a loop in a loop", "args.some.exists(i, args.some.exists(j, i + j < 0))"],
		["a loop that compares lists each turn", "args.some.exists(i, args.many == args.many && i < 0)"],
		["a list longer than may be built", "args.some.map(i, i).size() == 0"],
		["a text that splits into too much", 'args.long.split("").size() == 0'],
		["a text too long for a pattern", 'args.page.matches("b")'],
	])("%s is an error, not a no", (_, source) => {
		expect(ask(source, { many, some: many.slice(0, 2_000), long, page: long.slice(0, 5_000) })).toBe("error");
	});

	test("what is bounded is still allowed up to its bound", () => {
		const some = many.slice(0, 1_000);
		expect(ask("args.some.map(i, i + 1).filter(i, i > 999).size() == 1 && args.some.exists(i, i == 999)", { some })).toBe("true");
		expect(ask('args.t.split(",").size() == 1000 && args.t.lowerAscii().startsWith("a")', { t: Array(1_000).fill("A").join(",") })).toBe(
			"true",
		);
	});

	test("once the budget is used up nothing later is told", () => {
		const view = viewWith({ many });
		const told: (string | undefined)[] = [];
		withBudget(10_000, () => {
			expect(compileCondition("args.many.exists(i, i < 0)").ask(view, ({ why }) => told.push(why))).toBe("error");
			expect(told).toEqual(["the conditions need more steps than one decision may take"]);
			expect(compileCondition('connection == "x"').ask(view)).toBe("error");
		});
	});

	test.each([
		["too many parts", `args.n in [${"1,".repeat(1_100)}1]`],
		["too deep", `${"(".repeat(5)}${"1 + ".repeat(100)}1 > 0${")".repeat(5)}`],
		["far too deep", `${"(".repeat(2_000)}true${")".repeat(2_000)}`],
		["too many parts that are never evaluated", `1 == 2 && args.n in [${"1,".repeat(1_100)}1]`],
		["too deep where it is never evaluated", `1 == 2 && ${"1 + ".repeat(1_800)}1 > 0`],
	])("%s is refused", (_, source) => {
		expect(() => compileCondition(source)).toThrow(/parts|deep/);
	});
});

describe("four answers", () => {
	// A three-letter world: each letter is an argument that is true, false, left out, or not an argument of the function at all.
	const states = ["true", "false", "omitted", "undeclared"] as const;
	type State = (typeof states)[number];
	const letters = ["a", "b", "c"] as const;
	type Tree = string | { op: "!" | "&&" | "||" | "?:"; of: Tree[] };
	const tree = fc.letrec<{ tree: Tree }>((tie) => ({
		tree: fc.oneof(
			{ depthSize: "small", withCrossShrink: true },
			fc.constantFrom<Tree>("a", "b", "c"),
			fc.record({ op: fc.constant("!" as const), of: fc.tuple(tie("tree")) }),
			fc.record({ op: fc.constantFrom("&&" as const, "||" as const), of: fc.tuple(tie("tree"), tie("tree")) }),
			fc.record({ op: fc.constant("?:" as const), of: fc.tuple(tie("tree"), tie("tree"), tie("tree")) }),
		),
	})).tree;
	const write = (node: Tree): string => {
		if (typeof node === "string") return `args.${node}`;
		const [first = "", second = "", third = ""] = node.of.map(write);
		if (node.op === "!") return `!(${first})`;
		return node.op === "?:" ? `((${first}) ? (${second}) : (${third}))` : `((${first}) ${node.op} (${second}))`;
	};
	const truthOf = (node: Tree, world: Record<string, boolean>): boolean => {
		if (typeof node === "string") return world[node] === true;
		const at = (index: number) => truthOf(node.of[index] ?? "a", world);
		if (node.op === "!") return !at(0);
		if (node.op === "&&") return at(0) && at(1);
		return node.op === "||" ? at(0) || at(1) : at(0) ? at(1) : at(2);
	};
	const setup = (assigned: readonly State[]) => {
		const args: Record<string, JsonValue> = {};
		const declared: string[] = [];
		for (const [at, letter] of letters.entries()) {
			if (assigned[at] !== "undeclared") declared.push(letter);
			if (assigned[at] === "true" || assigned[at] === "false") args[letter] = assigned[at] === "true";
		}
		return { args, declared };
	};
	const assignment = fc.tuple(fc.constantFrom(...states), fc.constantFrom(...states), fc.constantFrom(...states));

	test("true and false are only answered if every completion of the call agrees", () => {
		fc.assert(
			fc.property(tree, assignment, (node, assigned) => {
				const { args, declared } = setup(assigned);
				const answer = ask(write(node), args, declared);
				if (answer !== "true" && answer !== "false") return;
				for (let bits = 0; bits < 8; bits++) {
					const world = Object.fromEntries(
						letters.map((letter, at) => [letter, letter in args ? args[letter] === true : (bits & (1 << at)) !== 0]),
					);
					expect(String(truthOf(node, world))).toBe(answer);
				}
			}),
			{ numRuns: 500 },
		);
	});

	test("leaving a declared argument out never makes a true condition false or inapplicable", () => {
		fc.assert(
			fc.property(tree, assignment, fc.constantFrom(0, 1, 2), (node, assigned, omitted) => {
				const before = setup(assigned);
				if (assigned[omitted] === "undeclared" || ask(write(node), before.args, before.declared) !== "true") return;
				const after = setup(assigned.map((state, at) => (at === omitted ? "omitted" : state)));
				expect(["true", "error"]).toContain(ask(write(node), after.args, after.declared));
			}),
			{ numRuns: 1_000 },
		);
	});

	// Found by the property above: an error before a "?" may hide the false that took the other way.
	test("an argument left out before a ? is an error even beside one that the function does not have", () => {
		const source = "(args.c ? (args.a && args.b) : args.a) ? args.a : args.c";
		expect(ask(source, { b: false, c: true }, ["b", "c"])).toBe("true");
		expect(ask(source, { c: true }, ["b", "c"])).toBe("error");
	});

	test.each([
		["declared and left out", {}, ["a"], "error"],
		["a wrong type behind an argument that the function does not have", { b: "x" }, ["b"], "error"],
		["nothing the function has", {}, ["z"], "inapplicable"],
	] as const)("has() inside one comparison: %s", (_, args, declared, answer) => {
		expect(ask("(has(args.a) ? args.a : args.b) > 1", args, [...declared])).toBe(answer);
	});

	test("a function without an argument called constructor has none", () => {
		expect(ask("args.constructor == null", {}, ["a"])).toBe("inapplicable");
	});

	test("a negation answers like De Morgan's other side", () => {
		fc.assert(
			fc.property(tree, tree, assignment, (left, right, assigned) => {
				const { args, declared } = setup(assigned);
				const [l, r] = [write(left), write(right)];
				expect(ask(`!(${l} && ${r})`, args, declared)).toBe(ask(`!(${l}) || !(${r})`, args, declared));
				expect(ask(`!(${l} || ${r})`, args, declared)).toBe(ask(`!(${l}) && !(${r})`, args, declared));
			}),
		);
	});
});

describe("amounts", () => {
	test.each([
		["args.n * 2", { n: 1.5 }, { amount: 3 }],
		["1", {}, { amount: 1n }],
		["args.n", {}, { answer: "error" }],
		["args.n", { n: "5" }, { answer: "error" }],
		["args.other", {}, { answer: "inapplicable" }],
	] as const)("%s of %j", (source, args, expected) => {
		expect(withBudget(stepsMax, () => compileAmount(source).of(viewWith(args, ["n"])))).toMatchObject(expected);
	});

	test("a text is refused where a number is needed", () => {
		expect(() => compileAmount('"5"')).toThrow("needs a number");
	});
});
