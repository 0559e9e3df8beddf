// A body keeps its type: what a caller sent, or chose, is what the function gets, and no other type stands for it.
import { expect, test } from "vitest";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import { argumentsFromRequest, type RequestBody } from "./arguments-from-request.ts";
import { mediaTypeOf, offeredType, withBodyType } from "./body-type.ts";
import { buildRequest } from "./build-request.ts";
import { functionsFromOpenapi } from "./functions-from-openapi.ts";

const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";
const form = "application/x-www-form-urlencoded";
const thing = { type: "object", properties: { name: { type: "string" }, size: { type: "integer" } } };

function offering(content: Record<string, object>, { required = true, parameters = [] as object[] } = {}) {
	const patch = { operationId: "patchThing", parameters, requestBody: { required, content } };
	const { functions, errors } = functionsFromOpenapi({ openapi: "3.1.0", paths: { "/thing": { patch } } });
	const [fn] = functions;
	if (fn === undefined) throw new Error(JSON.stringify(errors));
	return fn;
}
const all = (...types: string[]) => Object.fromEntries(types.map((type) => [type, { schema: thing }]));
const sent = (fn: ReturnType<typeof offering>, args: Record<string, unknown>) => {
	const checked = compileArguments(fn)(args);
	const built = buildRequest(fn.transport, args);
	expect(built.ok).toBe(checked.ok);
	if (!built.ok) return "refused";
	return { type: built.request.contentType, body: built.request.body && new TextDecoder().decode(built.request.body) };
};
const read = (fn: ReturnType<typeof offering>, body?: RequestBody) => {
	const result = argumentsFromRequest(fn.transport, { pathArgs: {}, query: "", headers: {}, ...(body && { body }) });
	return result.ok ? result.args : "refused";
};

test("every type that is offered is kept on its way through, and is an argument that policy sees", () => {
	const fn = offering(all(merge, strategic));
	for (const contentType of [merge, strategic]) {
		const args = read(fn, { contentType, encoding: "json", value: { name: "a" } });
		expect(args).toEqual({ name: "a", "Content-Type": contentType });
		expect(sent(fn, args as object as Record<string, unknown>)).toEqual({ type: contentType, body: '{"name":"a"}' });
	}
	expect(sent(fn, { name: "a", "Content-Type": "application/json" })).toBe("refused");
	expect(read(fn, { contentType: "application/json", encoding: "json", value: {} })).toBe("refused");
});

test("who names none gets the first, application/json before the others, and it is written out for whoever decides", () => {
	const fn = offering(all(strategic, merge));
	expect(withBodyType(fn.transport, { name: "a" })).toEqual({ name: "a", "Content-Type": strategic });
	expect(sent(fn, { name: "a" })).toEqual(sent(fn, { name: "a", "Content-Type": strategic }));
	expect(withBodyType(offering(all(merge, "application/json")).transport, {})).toEqual({ "Content-Type": "application/json" });
	expect(withBodyType(offering(all("application/json")).transport, { name: "a" })).toEqual({ name: "a" });
	const optional = offering(all(merge, strategic), { required: false, parameters: [{ name: "q", in: "query", schema: {} }] });
	expect(withBodyType(optional.transport, { q: "1" })).toEqual({ q: "1" });
	expect(withBodyType(optional.transport, { name: "1" })).toEqual({ name: "1", "Content-Type": merge });
});

test("a form beside JSON is taken as a form where it can carry every member", () => {
	const fn = offering(all("application/json", form));
	expect(read(fn, { contentType: form, encoding: "form", text: "name=a&size=2" })).toEqual({ name: "a", size: 2, "Content-Type": form });
	expect(sent(fn, { name: "a", size: 2, "Content-Type": form })).toEqual({ type: form, body: "name=a&size=2" });
	expect(sent(fn, { name: "a" })).toEqual({ type: "application/json", body: '{"name":"a"}' });
	const nested = { schema: { type: "object", properties: { inner: { type: "object" } } } };
	expect(offering({ "application/json": nested, [form]: nested }).transport.body?.types).toHaveLength(1);
	const open = { schema: { ...thing, additionalProperties: true } };
	const both = offering({ "application/json": open, [form]: open });
	expect(sent(both, { other: 1 })).toMatchObject({ body: '{"other":1}' });
	expect(buildRequest(both.transport, { other: 1, "Content-Type": form }).ok).toBe(false);
});

test("a type with a schema of its own is not offered: its arguments would be others", () => {
	const list = { schema: { type: "array" } };
	const fn = offering({ "application/merge-patch+json": { schema: thing }, "application/json-patch+json": list });
	expect(fn.transport.body?.types).toEqual([{ contentType: merge, encoding: "json" }]);
	expect(fn.transport.body?.typeArgument).toBeUndefined();
});

test("an empty object is a body, and no body is none", () => {
	const fn = offering(all("application/json"), { required: false });
	const contentType = "application/json";
	for (const [body, args, request] of [
		[{ contentType, encoding: "json", value: {} }, { "Content-Type": contentType }, { type: contentType, body: "{}" }],
		[{ contentType, encoding: "json", value: { name: "a" } }, { name: "a" }, { type: contentType, body: '{"name":"a"}' }],
		[undefined, {}, { type: undefined, body: undefined }],
	] as const) {
		expect(read(fn, body)).toEqual(args);
		expect(sent(fn, args)).toEqual(request);
	}
	const strict = offering({ "application/json": { schema: { ...thing, required: ["name"] } } }, { required: false });
	expect(read(strict, { contentType, encoding: "json", value: {} })).toEqual({ "Content-Type": contentType });
	expect(compileArguments(strict)({ "Content-Type": contentType })).toMatchObject({ ok: false, errors: [{ pointer: "/name" }] });
	expect(compileArguments(strict)({})).toEqual({ ok: true });
	const whole = offering(
		{ "application/json": { schema: { type: "array" } }, "text/json": { schema: { type: "array" } } },
		{ required: false },
	);
	expect(sent(whole, { "Content-Type": "text/json" })).toBe("refused");
	expect(sent(whole, { body: [], "Content-Type": "text/json" })).toEqual({ type: "text/json", body: "[]" });
});

test("media types are compared in one spelling, and a parameter that may mean something is never dropped", () => {
	expect(mediaTypeOf("Application/JSON; charset=UTF-8")).toBe("application/json");
	expect(mediaTypeOf('application/json;charset="utf8"')).toBe("application/json");
	expect(mediaTypeOf("application/json; version=2")).toBe("application/json;version=2");
	expect(mediaTypeOf("json")).toBeUndefined();
	const { body } = offering(
		all("application/json; charset=utf-8", "application/json; version=2", "application/xml", "application/*+json"),
	).transport;
	const offered = (type: string) => body && offeredType(body, type)?.contentType;
	expect(offered("APPLICATION/json")).toBe("application/json");
	expect(offered("application/json;version=2")).toBe("application/json;version=2");
	for (const other of [
		"application/json;version=3",
		"application/json; charset=latin1",
		"application/xml",
		"application/a+json",
		"*/*",
		"",
	])
		expect(offered(other)).toBeUndefined();
});
