// Stories and their reader in memory: for tests that need no server. Passes stories-contract.ts.
import { emailKey } from "#libs/contracts/email.ts";
import { storyFields } from "#libs/contracts/record-fields.ts";
import { type Story, storyMappings } from "#libs/contracts/story.ts";
import { faultOf, holds } from "./index-memory.ts";
import { type Built, IndexUnavailable, type Stories, type StoryQuery, type StoryReader } from "./ports.ts";
import { mergeStories } from "./tell-story.ts";

export class MemoryStories implements Stories, StoryReader {
	readonly told = new Map<string, Story>();
	readonly wordsMax = 16;
	/** While set, every request fails with it. */
	trouble: IndexUnavailable | undefined;
	private to: Built | undefined;

	async merge(parts: readonly Story[]) {
		if (this.trouble) throw this.trouble;
		let refused = 0;
		for (const part of parts) {
			const known = this.told.get(part.call);
			// What crosses the wire is JSON.
			const story = JSON.parse(JSON.stringify(known ? mergeStories(known, part) : part)) as Story;
			const fault = faultOf({ properties: storyMappings }, story, "");
			if (fault?.type === "strict_dynamic_mapping_exception") throw new IndexUnavailable("outdated", `no field ${fault.field}`);
			if (fault) refused++;
			else this.told.set(story.call, story);
		}
		return { refused };
	}

	async built() {
		if (this.trouble) throw this.trouble;
		return this.to;
	}

	async setBuilt(to: Built) {
		this.to = to;
	}

	async calls(query: StoryQuery, size: number, after?: string) {
		if (this.trouble) throw this.trouble;
		const matching = [...this.told.values()]
			.filter((story) => matches(story, query))
			.sort((one, other) => (one.call < other.call ? 1 : -1));
		const stories = matching.filter(({ call }) => after === undefined || call < after).slice(0, size);
		const last = stories.at(-1);
		return { stories, ...(last && stories.length === size && { end: last.call }), total: { value: matching.length, exact: true } };
	}
}

function matches(story: Story, { q, caller, connection, function: name, ending, state, call, from, to, where = [] }: StoryQuery): boolean {
	const exact = { call, connection, function: name, ending, state };
	const { steps: _, ...searched } = story;
	const text = JSON.stringify(searched).toLowerCase();
	const received = Date.parse(story.receivedAt ?? "");
	return (
		(q === undefined ||
			q
				.toLowerCase()
				.split(/\s+/)
				.every((word) => text.includes(word))) &&
		Object.entries(exact).every(([field, value]) => value === undefined || story[field as keyof Story] === value) &&
		(caller === undefined || story.caller?.subject === caller || story.caller?.email === emailKey(caller)) &&
		(from === undefined || received >= Date.parse(from)) &&
		(to === undefined || received < Date.parse(to)) &&
		where.every((condition) => holds(story, condition, storyFields))
	);
}
