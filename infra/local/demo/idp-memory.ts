// What the identity provider remembers while it runs: sessions, codes and refresh tokens. A restart forgets them; access tokens are JWTs and stay valid.
import type { Adapter, AdapterPayload } from "oidc-provider";

type Kept = { readonly payload: AdapterPayload; readonly expiresAt: number };

// The demo has a handful of people; the oldest entries fall out long after they stopped to matter.
const entriesMax = 10_000;

/** A store for one provider; lookups that are not by id read through it all, which is fine for this size. */
export function idpMemory(): (model: string) => Adapter {
	const entries = new Map<string, Kept>();
	const read = (key: string) => {
		const kept = entries.get(key);
		if (kept && kept.expiresAt > Date.now()) return kept.payload;
		entries.delete(key);
		return undefined;
	};
	return (model) => {
		const find = (id: string) => read(`${model}:${id}`);
		const findBy = (member: "uid" | "userCode", value: string) => {
			for (const [key, { payload }] of entries) if (key.startsWith(`${model}:`) && payload[member] === value) return read(key);
			return undefined;
		};
		return {
			upsert: async (id, payload, expiresIn) => {
				const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Number.POSITIVE_INFINITY;
				entries.set(`${model}:${id}`, { payload, expiresAt });
				const [oldest] = entries.keys();
				if (entries.size > entriesMax && oldest !== undefined) entries.delete(oldest);
			},
			find: async (id) => find(id),
			findByUid: async (uid) => findBy("uid", uid),
			findByUserCode: async (userCode) => findBy("userCode", userCode),
			consume: async (id) => {
				const payload = find(id);
				if (payload) payload.consumed = Math.floor(Date.now() / 1000);
			},
			destroy: async (id) => {
				entries.delete(`${model}:${id}`);
			},
			revokeByGrantId: async (grantId) => {
				for (const [key, { payload }] of entries) if (payload.grantId === grantId) entries.delete(key);
			},
		};
	};
}
