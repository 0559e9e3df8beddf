// Tokens are opened where policy names their kind and place; one that cannot be is no text to be passed on, but the end of the call.
import { expect, test } from "vitest";
import { compileDetokenizer, TokenRefused, tokensMax } from "./detokenize.ts";
import { ann, keysOf } from "./keys.test-support.ts";
import { withoutRevealed } from "./session-keys.ts";
import { tokenOf } from "./token.ts";

const keys = keysOf();
const email = tokenOf(keys, "email", "jane@customer.example") ?? "";
const name = tokenOf(keys, "name", "Jane Roe") ?? "";

test("everywhere, where no place is named; names of members stay", () => {
	const open = compileDetokenizer({ $: ["email", "name"] });
	const args = { to: email, body: `Dear ${name} <${email}>`, list: [{ a: [email] }], [email]: 1, amount: 10 };
	const { arguments: opened, used } = open(args, keys);
	expect(opened).toEqual({
		...args,
		...{ to: "jane@customer.example", body: "Dear Jane Roe <jane@customer.example>", list: [{ a: ["jane@customer.example"] }] },
	});
	expect(used).toEqual([
		{ kind: "email", count: 3 },
		{ kind: "name", count: 1 },
	]);
});

test("at the places that are named and below them, and nowhere else", () => {
	const open = compileDetokenizer({ "$.to": ["email"], "$.rows[*].who": ["name"] });
	const args = { to: [email, { x: email }], body: email, rows: [{ who: name, other: name }], who: name };
	expect(open(args, keys).arguments).toEqual({
		...{ to: ["jane@customer.example", { x: "jane@customer.example" }], body: email, rows: [{ who: "Jane Roe", other: name }], who: name },
	});
});

test("a kind that is not named stays a token, and one that only says it is of another kind ends the call", () => {
	const open = compileDetokenizer({ $: ["email"] });
	expect(open({ to: name }, keys)).toEqual({ arguments: { to: name }, used: [], revealed: [] });
	expect(() => open({ to: name.replace("<name:", "<email:") }, keys)).toThrow(TokenRefused);
});

test("somebody else's, a forged one, and more than anybody needs are refused, in words that repeat nothing", () => {
	const open = compileDetokenizer({ $: ["email"] });
	const foreign = tokenOf(keysOf({ ...ann, subject: "bob" }), "email", "jane@customer.example") ?? "";
	for (const to of [foreign, `tok-${"a".repeat(45)}@callgate.invalid`, `<email:${"a".repeat(60)}>`])
		expect(() => open({ to }, keys)).toThrow(/^a token of the kind email is not one of this caller's session, or its time has passed/);
	expect(() => open({ to: Array.from({ length: tokensMax + 1 }, () => email) }, keys)).toThrow(`more than ${tokensMax} tokens`);
});

test("what was opened is hidden again, the longer value first; a short word is not, for it stands everywhere", () => {
	const [long, short] = [tokenOf(keys, "text", "Jane Roe-Smith") ?? "", tokenOf(keys, "text", "Ann") ?? ""];
	const { revealed } = compileDetokenizer({ $: ["text", "name"] })({ a: name, b: long, c: short }, keys);
	expect(withoutRevealed("Jane Roe-Smith, Jane Roe, Announcement", revealed)).toEqual({
		text: `${long}, ${name}, Announcement`,
		count: 2,
	});
});

test("an argument called __proto__ stays one", () => {
	const open = compileDetokenizer({ $: ["email"] });
	expect(JSON.stringify(open(JSON.parse(`{"__proto__":"${email}"}`), keys).arguments)).toBe('{"__proto__":"jane@customer.example"}');
});
