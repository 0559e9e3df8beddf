// The dashboards of the record for OpenSearch Dashboards: `node infra/opensearch/dashboards/main.ts write` prints them as a file to import, `import` puts them into a running one.
import { Type } from "typebox";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { readConfig, secretSetting, setting } from "#libs/service/config.ts";
import { auditorsTenant } from "../roles.ts";
import { dashboards } from "./dashboards.ts";
import { importSavedObjects } from "./import.ts";
import { savedObjectsText } from "./saved-objects.ts";

const ImportConfig = Type.Object({
	url: setting("CALLGATE_DASHBOARDS_URL", "URL of OpenSearch Dashboards", Type.String({ pattern: "^https?://" })),
	user: setting("CALLGATE_DASHBOARDS_USER", "a user who may write in the tenant", Type.String({ default: "admin" })),
	password: secretSetting("CALLGATE_DASHBOARDS_PASSWORD", "that user's password", Type.String({ minLength: 1 })),
	tenant: setting("CALLGATE_DASHBOARDS_TENANT", "the tenant that gets them", Type.String({ default: auditorsTenant })),
});

async function run(command: string | undefined): Promise<string> {
	const text = savedObjectsText(dashboards);
	if (command === "write") return text;
	if (command !== "import") throw new ExpectedError("expected a command: node infra/opensearch/dashboards/main.ts write|import");
	const access = readConfig(ImportConfig, process.env);
	return `${await importSavedObjects(access, text)} saved objects imported into the tenant ${access.tenant}\n`;
}

run(process.argv[2]).then(
	(text) => process.stdout.write(text),
	(error: unknown) => {
		process.stderr.write(`callgate: ${error instanceof Error ? error.message : "failed"}\n`);
		process.exitCode = 1;
	},
);
