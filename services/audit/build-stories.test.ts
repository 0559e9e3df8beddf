// Stories that are missing are built from the record, once, and from where it stopped.
import { afterEach, describe, expect, it, vi } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { keepBuilt } from "./build-stories.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { delivered } from "./index-contract.ts";
import { MemoryIndex } from "./index-memory.ts";
import { IndexUnavailable } from "./ports.ts";
import { recorded } from "./stories-contract.ts";
import { MemoryStories } from "./stories-memory.ts";
import { storiesOf } from "./tell-story.ts";

const index = new MemoryIndex();
const said = [1, 2, 3].flatMap((n) => [delivered(aReceived(callId(n)), n), delivered(anEnded(callId(n)), n + 10)]);
await index.create(said);
const whole = storiesOf([1, 2, 3].flatMap((n) => [recorded(aReceived(callId(n)), n), recorded(anEnded(callId(n)), n + 10)]));

const running: { stop(): void }[] = [];
afterEach(() => {
	for (const one of running) one.stop();
});
function start(stories: MemoryStories, everyMs = 60_000) {
	const built: number[] = [];
	const building = keepBuilt({ reader: index, stories, onBuilt: (events) => void built.push(events), pageEvents: 2, everyMs });
	running.push(building);
	return { building, built };
}

describe("stories", () => {
	it("are built from the record page by page, and once", async () => {
		const stories = new MemoryStories();
		const { building, built } = start(stories);
		await building.build();
		expect([...stories.told.values()]).toEqual(whole);
		expect(await stories.built()).toBe("whole");
		const again = vi.spyOn(stories, "merge");
		await building.build();
		expect(again).not.toHaveBeenCalled();
		expect(built).toEqual([6]);
	});

	it("go on where the building stopped", async () => {
		const stories = new MemoryStories();
		await stories.setBuilt({ position: 2, item: 0 });
		await start(stories).building.build();
		expect([...stories.told.values()].map(({ call, steps }) => [call, steps.length])).toEqual([
			[callId(3), 2],
			[callId(1), 1],
			[callId(2), 1],
		]);
	});

	it("tell also what search did not find yet when they were begun", async () => {
		const late = new MemoryIndex();
		late.isLate = true;
		await late.create(said);
		const stories = new MemoryStories();
		const building = keepBuilt({ reader: late, stories, onBuilt: () => undefined });
		running.push(building);
		await building.build();
		expect([...stories.told.values()]).toHaveLength(3);
	});

	it("are built once their index is there again", async () => {
		const stories = new MemoryStories();
		stories.trouble = new IndexUnavailable("outdated", "missing");
		const { building } = start(stories, 1);
		await expect(building.build()).rejects.toThrow(IndexUnavailable);
		stories.trouble = undefined;
		await vi.waitFor(() => expect(stories.told.size).toBe(3), patience);
	});
});
