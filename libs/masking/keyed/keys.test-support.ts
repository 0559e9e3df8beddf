// Masking keys of the tests: the same in each run, so that what is made with them can stand in a case.
import { createSecretKey } from "node:crypto";
import { MaskingKeys, type SessionKeys } from "./session-keys.ts";

export const ann = { issuer: "https://idp.example", subject: "ann" };
export const noon = new Date("2026-01-01T12:00:00.000Z");

export function maskingKey(fill: number) {
	return { id: `m${fill}`, secret: createSecretKey(new Uint8Array(32).fill(fill)) };
}

export function keysOf(owner: Parameters<MaskingKeys["sessionOf"]>[0] = ann, at = noon, fill = 1): SessionKeys {
	const keys = new MaskingKeys([maskingKey(fill)]).sessionOf(owner, at);
	if (!keys) throw new Error("there is a key");
	return keys;
}
