// A folder in which everyone may call everything of its connections, compiled: for tests that are about something else than policy.
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { SourceFiles } from "#libs/configuration/source-files.ts";

export interface OpenFolder {
	/** Documents, each `kind: Connection`; others may stand between them. */
	readonly connections: string;
	readonly issuer: string;
	readonly audience?: string;
	/** Further members of the Issuer, a line each. */
	readonly issuerMore?: string;
	/** Further members of the Policy, a line each. */
	readonly policyMore?: string;
	readonly files?: SourceFiles;
}

export function openConfiguration(folder: OpenFolder): Configuration {
	const { connections, issuer, audience = "callgate", issuerMore = "", policyMore = "", files = {} } = folder;
	const names = [...connections.matchAll(/^kind: Connection\nname: (.*)$/gm)].map(([, name]) => name).join(", ");
	const around = `kind: Issuer
name: corporate
issuer: ${issuer}
audience: ${audience}
algorithms: [RS256]
${issuerMore}---
kind: Policy
name: all
rules: [{ name: all, match: { connection: [${names}] }, effect: allow }]
${policyMore}`;
	const compiled = compileConfiguration({ "around.yaml": around, "connections.yaml": connections, ...files });
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.configuration;
}
