// Forwards to a syslog receiver: RFC 5424 over TLS.
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { codeOf, NotDelivered, type Target } from "./target.ts";

/** Facility 13 (log audit), severity 6 (informational): RFC 5424 section 6.2.1. */
const priority = 13 * 8 + 6;
const syslogTimeoutMs = 30_000;

/** Frames with their length before them over TLS (RFC 5425); the receiver's certificate is checked for its name. */
export function syslogTarget(
	to: { readonly host: string; readonly port: number; readonly ca?: string | undefined },
	now: () => Date,
): Target {
	let socket: TLSSocket | undefined;
	return {
		async send({ lines }) {
			try {
				if (!socket || socket.destroyed || !socket.writable) socket = await opened(to);
				await written(socket, lines.map(({ text }) => frame(text, now())).join(""));
			} catch (error) {
				socket?.destroy();
				socket = undefined;
				throw new NotDelivered(`syslog at ${to.host}:${to.port} cannot be reached (${codeOf(error)})`);
			}
		},
		close: async () => void socket?.end(),
	};
}

function opened({
	host,
	port,
	ca,
}: {
	readonly host: string;
	readonly port: number;
	readonly ca?: string | undefined;
}): Promise<TLSSocket> {
	const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
	const socket = connect({
		host,
		port,
		...(isIP(host) === 0 && { servername: host }),
		minVersion: "TLSv1.2",
		...(ca !== undefined && { ca }),
	});
	socket.setTimeout(syslogTimeoutMs, () => socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })));
	socket.once("secureConnect", () => {
		socket.setTimeout(0);
		resolve(socket);
	});
	socket.on("error", reject);
	// A receiver says nothing; that it closed is seen when it is read.
	socket.resume();
	return promise;
}

function written(socket: TLSSocket, text: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const failed = (error?: Error) => reject(error ?? Object.assign(new Error("closed"), { code: "ECONNRESET" }));
		socket.once("close", failed);
		socket.write(text, (error) => {
			socket.off("close", failed);
			if (error) failed(error);
			else resolve();
		});
	});
}

function frame(line: string, now: Date): string {
	const message = `<${priority}>1 ${now.toISOString()} - callgate ${process.pid} - - ${line}`;
	return `${Buffer.byteLength(message)} ${message}`;
}
