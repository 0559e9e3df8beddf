// The tools of the tests' bank that speaks MCP, as they are pinned: the same functions as the demo's bank has, and one that answers bit by bit.
const text = { type: "string", maxLength: 200 };

export const mcpBankTools = [
	{
		name: "createTransfer",
		inputSchema: {
			type: "object",
			properties: { amount: { type: "number", exclusiveMinimum: 0 }, currency: text, to: text, country: text, reference: text },
			required: ["amount", "currency", "to", "country"],
		},
	},
	{ name: "getAccount", inputSchema: { type: "object", properties: { id: text }, required: ["id"] } },
	{ name: "chat", inputSchema: { type: "object", properties: { model: text, messages: { type: "array" } } } },
];

/** After the lab's and the conformance suite's. */
export const mcpBankPort = (labPort: number): number => labPort + 2;
