// What the demo's processes need to be told, in environment variables. A secret may also be in the file that `<NAME>_FILE` names.
import { Type } from "typebox";
import { secretSetting, setting } from "#libs/service/config.ts";

const port = Type.Integer({
	env: "DEMO_PORT",
	description: "the port to listen on at 127.0.0.1; 0 picks a free one",
	minimum: 0,
	maximum: 65_535,
});
const dataDir = setting("DEMO_DATA_DIR", "the folder that keeps what must survive a restart", Type.String({ minLength: 1 }));
const secret = (env: string, description: string) => secretSetting(env, description, Type.String({ minLength: 8, maxLength: 1024 }));

export const bankConfig = Type.Object({
	port,
	apiKey: secret("DEMO_BANK_API_KEY", "the API key that the bank accepts"),
});

export const idpConfig = Type.Object({
	port,
	dataDir,
	password: secret("DEMO_PASSWORD", "what each of the demo's people signs in with"),
	ciSecret: secret("DEMO_CI_SECRET", "the client secret of ci"),
	agentSecret: secret("DEMO_AGENT_SECRET", "the client secret of ai-agent"),
});

export const slackConfig = Type.Object({
	port,
	dataDir,
	botToken: secret("DEMO_SLACK_BOT_TOKEN", "the bearer token of the app"),
	signingSecret: secret("DEMO_SLACK_SIGNING_SECRET", "what requests to the app are signed with"),
	interactivityUrl: setting("DEMO_SLACK_INTERACTIVITY_URL", "where the app takes clicks", Type.String({ pattern: "^https?://" })),
});
