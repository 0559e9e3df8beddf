// The bank's support desk, as an MCP server made with the official SDK: an agent looks for tickets and makes up for what went wrong.
import { randomUUID } from "node:crypto";
import { type NodeIncomingMessageLike, toNodeHandler } from "@modelcontextprotocol/node";
import { type CallToolResult, createMcpHandler, ProtocolError, Server } from "@modelcontextprotocol/server";
import type { FastifyInstance } from "fastify";
import { supportDeskPath } from "./configuration.ts";

const tickets = [
	{
		id: "tck-1",
		account: "acc-1",
		from: "jane.doe@customer.example",
		text: "I was charged twice for order 77. My card is 4111 1111 1111 1111, please give me back 120.00 EUR.",
	},
	{
		id: "tck-2",
		account: "acc-2",
		from: "max.roe@customer.example",
		text: "The transfer to DE89370400440532013000 took four days. I want the fee of 4.50 EUR back.",
	},
] as const;

const ticketSchema = {
	type: "object",
	properties: { id: { type: "string" }, account: { type: "string" }, from: { type: "string" }, text: { type: "string" } },
	required: ["id", "account", "from", "text"],
};

const tools = [
	{
		name: "searchTickets",
		title: "Search tickets",
		description: "Finds the tickets of customers whose text has all of the words.",
		inputSchema: {
			type: "object" as const,
			properties: { words: { type: "string", maxLength: 200, description: "Words of the text; without them, every ticket" } },
			additionalProperties: false,
		},
		outputSchema: { type: "object" as const, properties: { tickets: { type: "array", items: ticketSchema } }, required: ["tickets"] },
	},
	{
		name: "refundTicket",
		title: "Refund a ticket",
		description: "Pays an amount to the customer of a ticket.",
		inputSchema: {
			type: "object" as const,
			properties: {
				ticket: { type: "string", maxLength: 40, description: "The ticket's id" },
				amount: { type: "number", exclusiveMinimum: 0, maximum: 100_000 },
				currency: { type: "string", enum: ["EUR", "USD"] },
			},
			required: ["ticket", "amount", "currency"],
			additionalProperties: false,
		},
		outputSchema: {
			type: "object" as const,
			properties: { refund: { type: "string" }, ticket: { type: "string" }, amount: { type: "number" }, currency: { type: "string" } },
			required: ["refund", "ticket", "amount", "currency"],
		},
	},
];

function answer(structuredContent: Record<string, unknown>): CallToolResult {
	return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
}

function call(name: string, args: Record<string, unknown>): CallToolResult {
	if (name === "searchTickets") {
		const words = String(args.words ?? "")
			.toLowerCase()
			.split(/\s+/);
		return answer({ tickets: tickets.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word))) });
	}
	if (name !== "refundTicket") throw new ProtocolError(-32_602, `There is no tool ${name}`);
	const { ticket, amount, currency } = args;
	if (!tickets.some(({ id }) => id === ticket)) return { isError: true, content: [{ type: "text", text: "There is no such ticket." }] };
	return answer({ refund: `rf-${randomUUID()}`, ticket, amount, currency });
}

function createSupportDesk(): Server {
	const server = new Server({ name: "bank-support-desk", version: "1.0.0" }, { capabilities: { tools: {} } });
	server.setRequestHandler("tools/list", () => ({ tools }));
	server.setRequestHandler("tools/call", ({ params }) => call(params.name, params.arguments ?? {}));
	return server;
}

/** Streamable HTTP, in every revision that the SDK speaks. Who may ask is the bank's business. */
export function serveSupportDesk(app: FastifyInstance): void {
	const handle = toNodeHandler(createMcpHandler(createSupportDesk));
	app.route({
		method: ["GET", "POST", "DELETE"],
		url: supportDeskPath,
		exposeHeadRoute: false,
		handler: async (request, reply) => {
			reply.hijack();
			// A request that a server gets has the members that the adapter's type demands.
			await handle(request.raw as NodeIncomingMessageLike, reply.raw, request.body);
		},
	});
}
