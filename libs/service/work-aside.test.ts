// Jobs of another thread: what they give, what they refuse, and whose turn it is.
import { afterEach, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { type Aside, createAside } from "./work-aside.ts";

const module = new URL("./aside-jobs.test-support.ts", import.meta.url);
let aside: Aside;
afterEach(() => aside.close());

function configurationFor(bankUrl: string): Configuration {
	const compiled = compileConfiguration(demoConfiguration({ issuer: "https://idp.example", bankUrl }));
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.configuration;
}
const configuration = configurationFor("http://127.0.0.1:9");
const about = (turn: string) => ({ turn, configuration });

test("a job gets the configuration that it is asked under, and its input", async () => {
	aside = createAside(module);
	for (const port of [9, 10, 9]) {
		const asked = { turn: "a", configuration: configurationFor(`http://127.0.0.1:${port}`) };
		expect(await aside.run("urlOf", asked, "bank")).toBe(`http://127.0.0.1:${port}`);
	}
});

test("what a job refuses is refused with its code and details; what goes wrong in it is an error", async () => {
	aside = createAside(module);
	await expect(aside.run("refuse", about("a"), "why")).rejects.toMatchObject({ code: "invalid_arguments", details: { detail: "why" } });
	await expect(aside.run("fail", about("a"), "why")).rejects.toThrow("why");
	expect(await aside.run("urlOf", about("a"), "bank")).toBe("http://127.0.0.1:9");
});

test("who brings many jobs does not keep another one waiting behind all of them", async () => {
	aside = createAside(module, 1);
	const done: string[] = [];
	const bring = async (turn: string) => {
		await aside.run("urlOf", about(turn), "bank");
		done.push(turn);
	};
	await Promise.all([..."aaaaaa", "b", "c"].map(bring));
	// The first begins before the others are there, and the second was there before them.
	expect(done.join("")).toBe("aabcaaaa");
});

test("a job that nobody waits for any more is dropped before its turn, and one that is worked on ends", async () => {
	aside = createAside(module, 1);
	const leaving = new AbortController();
	const left = { ...about("a"), gone: leaving.signal };
	const running = aside.run("urlOf", left, "bank");
	const waiting = [aside.run("urlOf", left, "bank"), aside.run("fail", left, "it ran"), aside.run("urlOf", about("a"), "bank")] as const;
	leaving.abort(new Error("left"));
	await expect(waiting[0]).rejects.toThrow("left");
	await expect(waiting[1]).rejects.toThrow("left");
	await expect(aside.run("urlOf", left, "bank")).rejects.toThrow("left");
	expect(await Promise.all([running, waiting[2]])).toHaveLength(2);
});

test("a job without an end is ended", async () => {
	aside = createAside(module, 1, 1_000);
	await expect(aside.run("forEver", about("a"), "")).rejects.toMatchObject({ name: "AsideTooSlow" });
});
