// For the dialer's tests, run as a program: an MCP server on standard input and output, which behaves as a file says and notes each call in another.
import { appendFileSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [, , dir = ""] = process.argv;
const tools = [{ name: "say", description: "Says a note.", inputSchema: { type: "object", properties: { note: { type: "string" } } } }];

interface Request {
	readonly id?: string;
	readonly method: string;
	readonly params?: { readonly arguments?: { readonly note?: string }; readonly protocolVersion?: string; readonly requestId?: string };
}

function send(text: string): void {
	process.stdout.write(`${text}\n`);
}

function result(id: string | undefined, value: object): string {
	return JSON.stringify({ jsonrpc: "2.0", id, result: value });
}

function say(id: string | undefined, text: string): void {
	send(result(id, { content: [{ type: "text", text }] }));
}

function answerCall({ id, params }: Request, line: string): void {
	const note = params?.arguments?.note ?? "";
	switch (readFileSync(`${dir}/behaviour`, "utf8")) {
		case "answers with the note":
			say(id, note);
			return;
		case "echoes": {
			const key = process.env.API_KEY ?? "";
			say(id, `${line} ${key} ${encodeURIComponent(key)} ${Buffer.from(key).toString("base64")}`);
			return;
		}
		case "is silent":
			return;
		case "drips":
			process.stdout.write(`{"jsonrpc":"2.0","id":"${id}","result":{"content":[`);
			setInterval(() => process.stdout.write(" "), 10);
			return;
		case "answers too much":
			say(id, "x".repeat(1_025));
			return;
		case "leaves before it answers":
			process.stdout.end(() => process.exit(0));
			return;
		case "leaves within its answer":
			process.stdout.write(`{"jsonrpc":"2.0","id":"${id}","result":`, () => process.exit(0));
			return;
		case "talks nonsense":
			send("npm warn deprecated");
			return;
		case "tells its environment":
			say(id, JSON.stringify({ env: Object.keys(process.env), cwd: process.cwd() }));
	}
}

createInterface({ input: process.stdin }).on("line", (line) => {
	const request = JSON.parse(line) as Request;
	const { id, method } = request;
	if (method === "initialize")
		send(result(id, { protocolVersion: request.params?.protocolVersion, capabilities: { tools: {} }, serverInfo: {} }));
	else if (method === "tools/list") send(result(id, { tools }));
	else if (method === "notifications/cancelled") appendFileSync(`${dir}/cancelled`, `${request.params?.requestId}\n`);
	else if (method === "tools/call") {
		appendFileSync(`${dir}/calls`, `${JSON.stringify([line, process.env.API_KEY, process.pid])}\n`);
		answerCall(request, line);
	}
});
