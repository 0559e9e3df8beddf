// Arguments that can never be sent are refused when they come in, not after people approved them.
import { expect, test } from "vitest";
import { as, Backstage, inForce, openTo } from "./ingress.test-support.ts";

const configuration = openTo(`kind: Connection
name: things
protocol: http
url: https://things.example
limits: { requestBody: 1KiB }
functions:
  find: { method: GET, path: /things, arguments: { properties: { q: { type: string } } } }
  make: { method: POST, path: /things, arguments: { properties: { q: { type: string } } } }
`);

test.each([
	["find", 20_000, 422, "invalid_arguments"],
	["make", 2_000, 413, "body_too_large"],
])("%s with %d characters: %d", async (name, characters, status, code) => {
	const stage = new Backstage();
	const { http } = await stage.replica({ configuration: inForce(configuration) });
	const ask = async (q: string) => {
		const payload = { connection: "things", function: name, arguments: { q } };
		return await http.inject({ method: "POST", url: "/v1/calls", headers: as("robin"), payload });
	};
	const refused = await ask("x".repeat(characters));
	expect({ status: refused.statusCode, code: refused.json().code }).toEqual({ status, code });
	expect(stage.stream.messages).toEqual([]);
	expect((await ask("x".repeat(900))).statusCode).toBe(202);
	await stage.close();
});
