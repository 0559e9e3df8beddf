// The index in memory keeps the contract of an index.
import { describeIndex } from "./index-contract.ts";
import { MemoryIndex } from "./index-memory.ts";

describeIndex("in memory", async () => {
	const index = new MemoryIndex();
	return {
		index,
		reader: index,
		rollOver: async () => index.rollOver(),
		settle: async () => undefined,
		close: async () => undefined,
	};
});
