// What OpenSearch's distribution is made of, as Maven coordinates: its archive is in no package registry, its parts are.

/** The pinned versions. */
export const openSearchVersion = "3.4.0";
const securityVersion = `${openSearchVersion}.0`;
/** The version of the log4j-api that OpenSearch brings; its log4j-core is not among its declared dependencies. */
const log4jVersion = "2.21.0";
/** What the agent was built with. */
const byteBuddyVersion = "1.17.7";
/** Missing from the security plugin's archive: it would have come with a module that is not published. */
const collectionsVersion = "4.5.0";
/** The client of Maven's that copies dependencies; pinned, because an unpinned plugin is whatever is newest. */
export const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/** One Maven artifact. */
interface Artifact {
	readonly group: string;
	readonly name: string;
	readonly version: string;
	/** An archive is wanted alone: what it needs is inside. */
	readonly zip?: true;
}

/** One Maven module, resolved on its own, because the parts may need different versions of one library. */
export interface Part {
	readonly name: string;
	readonly artifacts: readonly Artifact[];
}

function core(name: string): Artifact {
	return { group: "org.opensearch", name, version: openSearchVersion };
}

/** OpenSearch modules with the class that its plugin loader starts. */
export const openSearchModules: Readonly<Record<string, string>> = {
	"transport-netty4-client": "org.opensearch.transport.Netty4ModulePlugin",
	"lang-painless": "org.opensearch.painless.PainlessModulePlugin",
	"reindex-client": "org.opensearch.index.reindex.ReindexModulePlugin",
};

export const securityArchive = `opensearch-security-${securityVersion}.zip`;

export const openSearchParts: readonly Part[] = [
	{
		name: "lib",
		artifacts: [
			core("opensearch"),
			core("opensearch-cli"),
			core("opensearch-plugin-classloader"),
			{ group: "org.apache.logging.log4j", name: "log4j-core", version: log4jVersion },
		],
	},
	...Object.keys(openSearchModules).map((name) => ({ name, artifacts: [{ ...core(name), group: "org.opensearch.plugin" }] })),
	{
		name: "security",
		artifacts: [
			{ group: "org.opensearch.plugin", name: "opensearch-security", version: securityVersion, zip: true },
			{ group: "org.apache.commons", name: "commons-collections4", version: collectionsVersion },
		],
	},
	{
		name: "agent",
		artifacts: [
			core("opensearch-agent"),
			core("opensearch-agent-bootstrap"),
			{ group: "net.bytebuddy", name: "byte-buddy", version: byteBuddyVersion },
		],
	},
];

const head = '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>';
const house = "<groupId>callgate</groupId><artifactId>opensearch</artifactId><version>1</version>";
const alone = "<type>zip</type><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>";

/** The POM that makes Maven see all parts in one run. */
export function parentPom(): string {
	const modules = openSearchParts.map(({ name }) => `<module>${name}</module>`).join("");
	return `${head}${house}<packaging>pom</packaging><modules>${modules}</modules></project>\n`;
}

/** The POM of one part. */
export function partPom(part: Part): string {
	const dependencies = part.artifacts
		.map(({ group, name, version, zip }) => {
			const what = `<groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version>`;
			return `<dependency>${what}${zip ? alone : ""}</dependency>`;
		})
		.join("");
	const self = `<parent>${house}</parent><artifactId>${part.name}</artifactId><packaging>pom</packaging>`;
	return `${head}${self}<dependencies>${dependencies}</dependencies></project>\n`;
}

/** The descriptor that the published jar of a module lacks and the distribution's build would have written. */
export function moduleDescriptor(name: string, classname: string): string {
	const lines = {
		name,
		description: name,
		version: openSearchVersion,
		"opensearch.version": openSearchVersion,
		"java.version": "21",
		classname,
	};
	return Object.entries(lines)
		.map(([key, value]) => `${key}=${value}\n`)
		.join("");
}
