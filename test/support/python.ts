// Programs in Python, with packages from the shared cache: what callers write who do not write TypeScript.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type CacheEntry, provide } from "../../infra/local/cache.ts";
import { installWheels, installWithPip, type Wheel } from "../../infra/local/provide-wheel.ts";

/** Plain httpx and what it needs, for Python 3.9 and later. */
const httpx: readonly Wheel[] = [
	{ name: "httpx", version: "0.28.1", sha256: "d909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad" },
	{ name: "httpcore", version: "1.0.9", sha256: "2d400746a40668fc9dec9810239072b40b4484b640a8c38fd654a024c7a1bf55" },
	{ name: "h11", version: "0.16.0", sha256: "63cf8bbe7522de3bf65932fda1d9c2772064ffb3dae62d55932da54b31cb6c86" },
	{ name: "anyio", version: "4.16.0", sha256: "c66ae634e0b8228396b801741beb3294326d4b6102f7bba4041c0dfb58c29026" },
	{ name: "idna", version: "3.20", sha256: "ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c" },
	{ name: "certifi", version: "2026.10.19.post1", sha256: "1324c476b4811eff41a8bc2122cd0bbd4d9c7234c725446d99ab1612b3a7fdd2" },
	{ name: "typing_extensions", version: "4.16.0", sha256: "481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8" },
];

/** Clients of MCP that others make, and what they need by their own words. */
const mcpClients = ["mcp==2.3.0", "fastmcp==4.2.3"];

/** In the cache that the local stack's servers are in: fetched once a machine. */
const packages = {
	httpx: { name: "python-httpx-0.28.1", keyFiles: ["httpx/__init__.py"], install: (into: string) => installWheels(httpx, into) },
	"mcp clients": {
		name: `mcp-clients-${mcpClients.join("-").replaceAll("==", "-")}`,
		keyFiles: ["mcp/__init__.py", "fastmcp/__init__.py"],
		install: (into: string) => installWithPip(mcpClients, into, mcpClients.join(", ")),
	},
} as const satisfies Record<string, CacheEntry>;

const limitMs = 100_000;

/** @param path where further modules are. Resolves with what the program writes to standard output. @throws with what it wrote to standard error, where it fails */
export type Python = (program: string, args: readonly string[], path?: string) => Promise<string>;

/** Runs programs that may use these packages. */
export async function pythonWith(needed: keyof typeof packages): Promise<Python> {
	const folder = await provide(packages[needed], (line) => void process.stderr.write(`${line}\n`));
	return async (program, args, path) => {
		const paths = [folder, ...(path === undefined ? [] : [path])].join(":");
		const env = { PATH: process.env.PATH, PYTHONPATH: paths, PYTHONDONTWRITEBYTECODE: "1", FASTMCP_CHECK_FOR_UPDATES: "off" };
		return (await promisify(execFile)("python3", ["-c", program, ...args], { env, timeout: limitMs })).stdout;
	};
}
