// A TCP proxy before a server that can lose or delay what the server says: for tests of what a client does when an answer does not come.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface LossyProxy {
	readonly url: string;
	/** Cuts the connection in the moment in which the server says `word`, before the client hears it. Once; resolves when it happened. */
	cutAt(word: string): Promise<void>;
	/** From the moment in which the server says `word` nothing it says arrives until `release`. Resolves when it began. */
	holdAt(word: string): Promise<void>;
	release(): void;
	/** Resolves when the client says `word`. */
	heard(word: string): Promise<void>;
	stop(): Promise<void>;
}

export async function startLossyProxy(port: number): Promise<LossyProxy> {
	const sockets = new Set<Socket>();
	let cut: { word: string; done: () => void } | undefined;
	let hold: { word: string; done: () => void } | undefined;
	let listen: { word: string; done: () => void } | undefined;
	let held: { to: Socket; chunk: Buffer }[] | undefined;

	const server = createServer((client) => {
		const upstream = connect(port, "127.0.0.1");
		for (const socket of [client, upstream]) {
			sockets.add(socket);
			socket.setNoDelay(true);
			socket.on("error", () => undefined);
			socket.once("close", () => {
				sockets.delete(socket);
				client.destroy();
				upstream.destroy();
			});
		}
		client.on("data", (chunk: Buffer) => {
			upstream.write(chunk);
			if (listen && chunk.toString("latin1").includes(listen.word)) {
				listen.done();
				listen = undefined;
			}
		});
		upstream.on("data", (chunk: Buffer) => {
			const text = chunk.toString("latin1");
			if (cut && text.includes(cut.word)) {
				cut.done();
				cut = undefined;
				client.destroy();
				return;
			}
			if (hold && text.includes(hold.word)) {
				hold.done();
				hold = undefined;
				held = [];
			}
			if (held) held.push({ to: client, chunk });
			else client.write(chunk);
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return {
		url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
		cutAt: (word) => new Promise((done) => (cut = { word, done })),
		holdAt: (word) => new Promise((done) => (hold = { word, done })),
		heard: (word) =>
			new Promise((done) => {
				listen = { word, done };
			}),
		release: () => {
			for (const { to, chunk } of held ?? []) to.write(chunk);
			held = undefined;
		},
		stop: async () => {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
