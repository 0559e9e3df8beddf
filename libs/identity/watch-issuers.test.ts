// An issuer at whose address nothing listens is told of before its first caller is refused.
import { afterEach, expect, test } from "vitest";
import { issuerOf, newKey, startIssuer } from "./issuer.test-support.ts";
import { watchIssuers } from "./watch-issuers.ts";

/** A busy machine decides nothing. */
const hourMs = 3_600_000;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const stop of stops.splice(0)) await stop();
});

test("an issuer that answers is nothing to warn of, one that does not is named with why", async () => {
	const here = await startIssuer(await newKey("k1"), await newKey("k2"));
	stops.push(here.stop);
	const away = await startIssuer(await newKey("k1"));
	await away.stop();
	const watch = watchIssuers([issuerOf(here.url, { name: "here" }), issuerOf(away.url, { name: "away" })], hourMs);
	const faults = await watch();
	expect(Object.keys(faults)).toEqual(["issuer away"]);
	expect(faults["issuer away"]).toContain(`${away.url}/.well-known/openid-configuration: cannot be read`);
});

test("an issuer that never answers keeps nobody waiting, and is told of", async () => {
	const silent = await startIssuer(await newKey("k1"));
	stops.push(silent.stop);
	const released = Promise.withResolvers<void>();
	silent.state.discovery = (response) => void released.promise.then(() => response.end("{}"));
	const watch = watchIssuers([issuerOf(silent.url, { name: "silent" })], 1);
	expect(await watch()).toEqual({ "issuer silent": "has not answered yet" });
	released.resolve();
});

test("keys in hand are not asked for at each look", async () => {
	const issuer = await startIssuer(await newKey("k1"));
	stops.push(issuer.stop);
	const watch = watchIssuers([issuerOf(issuer.url)], hourMs);
	for (let look = 0; look < 5; look++) expect(await watch()).toEqual({});
	expect(issuer.asked).toEqual({ discovery: 1, keys: 1 });
});
