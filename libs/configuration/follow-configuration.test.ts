// Following the revision in force: a process that cannot read it works on under its old one, and says that it is not ready.
import { expect, test, vi } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { patience } from "../../test/support/patience.ts";
import { compileConfiguration } from "./compile-configuration.ts";
import { currentKey, followConfiguration, revisionKey } from "./follow-configuration.ts";
import { packFiles } from "./pack-files.ts";
import { revisionOf, type SourceFiles } from "./source-files.ts";

const demo = demoConfiguration({ issuer: "http://127.0.0.1:4000", bankUrl: "http://127.0.0.1:4001/" });
const unreadable = { ...demo, "policy.yaml": (demo["policy.yaml"] ?? "").replace("effect: allow", "effect: of-a-later-version") };

test("a revision that this version cannot read is no reason to stop, but to be not ready until a readable one is in force", async () => {
	const stream = new MemoryStream();
	const policy = createMemoryBus(stream, "policy");
	const activate = async (files: SourceFiles) => {
		const revision = revisionOf(files);
		await policy.store("configuration").put(revisionKey(revision), packFiles(files));
		await policy.store("configuration").put(currentKey, JSON.stringify({ revision, previous: [] }));
		const data = { revision, documents: Object.keys(files).length };
		await policy.publish(
			newEvent("policy", "control.configuration.activated", data, { at: new Date(), about: "configuration", nth: revision }),
		);
		return revision;
	};
	const old = await activate(demo);
	const onFault = vi.fn();
	const following = await followConfiguration(createMemoryBus(stream, "ingress"), undefined, onFault);
	await following.checkReady();
	const [told, left] = [vi.fn(), vi.fn()];
	following.onActivated(told);
	following.onActivated(left)();

	const later = await activate(unreadable);
	await vi.waitFor(() => expect(onFault).toHaveBeenCalledOnce(), patience);
	await expect(following.checkReady()).rejects.toThrow(
		`still working under revision ${old}: revision ${later} cannot be read by this version of Callgate`,
	);
	expect(following.current().revision).toBe(old);

	const next = await activate({ ...demo, "policy.yaml": `${demo["policy.yaml"]}# another\n` });
	await vi.waitFor(() => expect(following.current().revision).toBe(next), patience);
	await following.checkReady();
	expect(told.mock.calls).toEqual([[following.current()]]);
	expect(left).not.toHaveBeenCalled();
	await following.stop();
});

test("why a revision cannot be read is told without a word of what it holds: everyone may read it", async () => {
	const stream = new MemoryStream();
	const policy = createMemoryBus(stream, "policy");
	const name = async (revision: string, packed: string) => {
		await policy.store("configuration").put(revisionKey(revision), packed);
		await policy.store("configuration").put(currentKey, JSON.stringify({ revision, previous: [] }));
	};
	await name(revisionOf(demo), packFiles(demo));
	const onFault = vi.fn();
	const following = await followConfiguration(createMemoryBus(stream, "ingress"), undefined, onFault);
	const broken = `sha256:${"0".repeat(64)}`;
	await name(broken, packFiles({ "../INTERNAL-NAME.yaml": "" }));
	const data = { revision: broken, documents: 1 };
	await policy.publish(
		newEvent("policy", "control.configuration.activated", data, { at: new Date(), about: "configuration", nth: broken }),
	);
	await vi.waitFor(() => expect(onFault).toHaveBeenCalledOnce(), patience);
	const told = await following.checkReady().catch((error: unknown) => String(error));
	expect(told).toContain(`revision ${broken} cannot be read`);
	expect(told).not.toContain("INTERNAL");
	await following.stop();
});

test("a revision that was activated before policies were checked this closely is read all the same", async () => {
	const stream = new MemoryStream();
	const files = { ...demo, "policy.yaml": (demo["policy.yaml"] ?? "").replace("args.country in", "args.amount in") };
	expect(compileConfiguration(files).ok).toBe(false);
	const revision = revisionOf(files);
	const store = createMemoryBus(stream, "policy").store("configuration");
	await store.put(revisionKey(revision), packFiles(files));
	await store.put(currentKey, JSON.stringify({ revision, previous: [] }));
	const following = await followConfiguration(createMemoryBus(stream, "ingress"));
	expect(following.current().revision).toBe(revision);
	await following.stop();
});
