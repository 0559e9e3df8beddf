// Stories in memory keep the contract of stories.
import { describeStories } from "./stories-contract.ts";
import { MemoryStories } from "./stories-memory.ts";

describeStories("in memory", async () => {
	const stories = new MemoryStories();
	return { stories, others: stories, reader: stories, settle: async () => undefined };
});
