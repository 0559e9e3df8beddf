// What every store of the record's tree must do: the suite that files and S3-compatible storage both pass.
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ProofStore } from "./store.ts";

export function describeStore(name: string, connect: () => Promise<ProofStore>): void {
	describe(name, () => {
		it("creates an object once, whole, also for several writers at once", async () => {
			const [one, two] = [await connect(), await connect()];
			const object = `segments/${randomUUID()}/000`;
			expect(await one.get(object)).toBeUndefined();
			const contents = Array.from({ length: 8 }, (_, n) => Buffer.alloc(100_000, n));
			const won = await Promise.all(contents.map((bytes, n) => (n % 2 === 0 ? one : two).create(object, bytes)));
			expect(won.filter(Boolean)).toHaveLength(1);
			expect(await two.get(object)).toEqual(contents[won.indexOf(true)]);
			expect(await two.create(object, Buffer.from("late"))).toBe(false);
		});

		it("replaces what is put again, and forgets what is removed", async () => {
			const store = await connect();
			const object = `${randomUUID()}.p/5`;
			await store.put(object, Buffer.from("old"));
			await store.put(object, Buffer.from("new"));
			expect((await store.get(object))?.toString()).toBe("new");
			await store.remove(object);
			await store.remove(object);
			expect(await store.get(object)).toBeUndefined();
			expect(await store.create(object, Buffer.from([]))).toBe(true);
			expect(await store.get(object)).toHaveLength(0);
		});
	});
}
