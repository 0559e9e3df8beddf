// Asks a server that speaks lines over TCP one question, to learn whether it serves yet.
import { connect } from "node:net";
import { loopback } from "./ports.ts";
import { askTimeoutMs } from "./run-server.ts";

/** An answer longer than this is not one of the short ones that are waited for here. */
const answerBytesMax = 64 * 1024;

/** Connects, sends `question` (may be empty), and resolves with whether an answer that matches came before the connection or the time ended. */
export function askTcp(port: number, question: string, answer: RegExp): Promise<boolean> {
	return new Promise((resolve) => {
		let heard = "";
		const socket = connect({ port, host: loopback });
		const done = (ready: boolean): void => {
			socket.destroy();
			resolve(ready);
		};
		socket.setTimeout(askTimeoutMs, () => done(false));
		socket.on("connect", () => socket.write(question));
		socket.on("data", (chunk) => {
			heard += chunk.toString("latin1");
			if (answer.test(heard)) done(true);
			else if (heard.length > answerBytesMax) done(false);
		});
		socket.on("error", () => done(false));
		socket.on("close", () => done(false));
	});
}
