// The lane "proxy": the least that a process between caller and function costs. Passes requests on and knows nothing about them.
import { Agent, createServer, request as dial } from "node:http";
import { loopback } from "../../infra/local/ports.ts";
import { serve, settingsOf } from "./child.ts";

export interface ProxySettings {
	readonly port: number;
	readonly targetPort: number;
}

const { port, targetPort } = settingsOf<ProxySettings>();
const agent = new Agent({ keepAlive: true, maxSockets: 1_024, maxFreeSockets: 1_024 });

const server = createServer((request, response) => {
	const { method, url: path, headers } = request;
	const passed = dial({ agent, host: loopback, port: targetPort, method, path, headers }, (answer) => {
		response.writeHead(answer.statusCode ?? 502, answer.headers);
		answer.pipe(response);
	});
	passed.on("error", () => response.writeHead(502).end());
	request.pipe(passed);
});
server.keepAliveTimeout = 75_000;
server.listen(port, loopback, 4_096, () => serve({}));
