// One server of the demo as a process: `node infra/local/demo/main.ts bank|idp|slack`, configured as `config.ts` says. Prints one line of JSON when ready.
import { ConfigurationInvalid, readConfig } from "#libs/service/config.ts";
import { startBank } from "./bank.ts";
import { bankConfig, idpConfig, slackConfig } from "./config.ts";
import { startIdp } from "./idp.ts";
import { channels, people } from "./people.ts";
import { startSlack } from "./slack.ts";

/** Starts a server; `ready` is what the line says about it. */
type Start = () => Promise<{ readonly ready: object; readonly stop: () => Promise<void> }>;

const servers: Readonly<Record<string, Start>> = {
	bank: async () => {
		const bank = await startBank(readConfig(bankConfig, process.env));
		return { ready: { url: bank.url }, stop: bank.stop };
	},
	idp: async () => {
		const { ciSecret, agentSecret, ...config } = readConfig(idpConfig, process.env);
		const idp = await startIdp({ ...config, clientSecrets: { ci: ciSecret, "ai-agent": agentSecret } });
		return { ready: { issuer: idp.issuer }, stop: idp.stop };
	},
	slack: async () => {
		const slack = await startSlack({ ...readConfig(slackConfig, process.env), people, channels });
		return { ready: { url: slack.url, apiUrl: slack.apiUrl }, stop: slack.stop };
	},
};

function fail(message: string): never {
	process.stderr.write(`${message}\n`);
	process.exit(1);
}

const name = process.argv[2] ?? "";
const start = Object.hasOwn(servers, name) ? servers[name] : undefined;
if (!start) fail(`Say which of the demo's servers to start: ${Object.keys(servers).join(", ")}.`);

try {
	const running = await start();
	const stop = () => {
		running.stop().then(
			() => process.exit(0),
			(error: unknown) => fail(`The demo's ${name} did not stop cleanly: ${error}`),
		);
	};
	process.once("SIGTERM", stop);
	process.once("SIGINT", stop);
	process.stdout.write(`${JSON.stringify({ ready: name, ...running.ready })}\n`);
} catch (error) {
	if (error instanceof ConfigurationInvalid) fail(`The demo's ${name} cannot start: ${error.message}`);
	if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
		fail(`The demo's ${name} cannot start: port ${process.env.DEMO_PORT} is in use. Choose another, or stop what uses it.`);
	}
	fail(`The demo's ${name} cannot start: ${error instanceof Error ? error.message : error}`);
}
