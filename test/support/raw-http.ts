// Requests exactly as they are written, which no well-behaved client would send.
import { connect } from "node:net";
import type { Answer } from "./stack.ts";

/** Sends the text and reads until the server closes. The request should say `Connection: close`. */
export function sendRaw(origin: string, text: string | Buffer): Promise<Answer> {
	const { hostname, port } = new URL(origin);
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		const socket = connect(Number(port), hostname, () => socket.write(text));
		socket.on("data", (chunk) => chunks.push(chunk));
		socket.on("error", reject);
		socket.on("close", () => resolve(parse(Buffer.concat(chunks).toString())));
	});
}

/** Header fields as they are to be sent: names may come twice. */
export type Fields = readonly (readonly [string, string])[];

export function rawRequest(line: string, fields: Fields, body = ""): string {
	const length: Fields = body === "" ? [] : [["Content-Length", String(Buffer.byteLength(body))]];
	const all = [["Host", "callgate"], ["Connection", "close"], ...fields, ...length];
	return `${line} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}

/** Status 0: the server closed without a word. */
function parse(text: string): Answer {
	const [head = "", ...rest] = text.split("\r\n\r\n");
	const [line = "", ...lines] = head.split("\r\n");
	const headers = new Headers();
	for (const field of lines) headers.append(field.slice(0, field.indexOf(":")), field.slice(field.indexOf(":") + 1).trim());
	const body = rest.join("\r\n\r\n");
	const isJson = /json/.test(headers.get("content-type") ?? "") && headers.get("transfer-encoding") === null;
	return { status: Number(line.split(" ")[1] ?? 0), headers, text: body, body: isJson && body !== "" ? JSON.parse(body) : body };
}
