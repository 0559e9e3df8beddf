// One plan of ports: a process on its own, a part of the local stack and the command line mean the same place by a service's name.
import { expect, test } from "vitest";
import { firstPortDefault, serviceOrder, serviceUrl } from "#libs/service/port-plan.ts";
import { runProgram } from "../../cli/run-program.test-support.ts";
import { ApprovalConfig } from "../../services/approval/config.ts";
import { AuditConfig } from "../../services/audit/config.ts";
import { ExecutorConfig } from "../../services/executor/config.ts";
import { IngressConfig } from "../../services/ingress/config.ts";
import { PolicyConfig } from "../../services/policy/config.ts";
import { portOf, urlOf } from "./port-plan.ts";

const configs = { ingress: IngressConfig, approval: ApprovalConfig, audit: AuditConfig, policy: PolicyConfig, executor: ExecutorConfig };

test.each(serviceOrder)("%s listens by default where the stack, the commands and the doctor look for it", async (service) => {
	const { default: port } = configs[service].properties.port as { default?: number };
	expect(port).toBe(portOf(service, firstPortDefault));
	expect(serviceUrl(service)).toBe(`http://127.0.0.1:${port}`);
	expect(urlOf(service, firstPortDefault)).toBe(serviceUrl(service));
});

test("the help names those addresses", async () => {
	const { out } = await runProgram(["--help"]);
	for (const service of ["ingress", "approval", "audit"] as const) expect(out).toContain(`default ${serviceUrl(service)}`);
});
