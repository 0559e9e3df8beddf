// Four suites: what needs nothing, what starts servers of its own, what calls a whole stack, and what breaks one. `npm test` runs them in stages, see test/run.ts.
import { defineConfig } from "vitest/config";

const needsServers = ["**/*.server.test.ts", "infra/local/servers.test.ts", "infra/local/demo/**/*.test.ts"];
const needsStack = ["test/e2e/**/*.test.ts", "test/conformance/**/*.test.ts"];
/** Each starts a stack of its own and breaks it. */
const breaksStack = ["test/faults/**/*.stack.test.ts"];
const never = ["**/node_modules/**", ".callgate/**"];

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
	test: {
		// Two cores: more processes than that only slow each other down.
		maxWorkers: 2,
		// A busy machine is no failure: what hangs is ended, and nothing else.
		testTimeout: 120_000,
		hookTimeout: 900_000,
		projects: [
			{
				extends: true,
				test: { name: "fast", include: ["**/*.test.ts"], exclude: [...never, ...needsServers, ...needsStack, ...breaksStack] },
			},
			{ extends: true, test: { name: "servers", include: needsServers, exclude: never, fileParallelism: false, testTimeout: 120_000 } },
			{
				extends: true,
				test: {
					name: "e2e",
					include: needsStack,
					exclude: never,
					globalSetup: ["test/support/stack-setup.ts"],
					fileParallelism: false,
					testTimeout: 120_000,
				},
			},
			{ extends: true, test: { name: "faults", include: breaksStack, exclude: never, fileParallelism: false, testTimeout: 300_000 } },
		],
	},
});
