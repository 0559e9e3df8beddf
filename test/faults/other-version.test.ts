// The other version is another one: it writes what this one does not know, this one reads it, and the other way round.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import * as here from "#libs/contracts/envelope.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { makeOtherVersion, otherRelease } from "./other-version.ts";

test("each reads what the other writes", async () => {
	const dir = await mkdtemp(join(tmpdir(), "callgate-other-"));
	try {
		await makeOtherVersion(dir);
		const other = (await import(pathToFileURL(join(dir, "libs/contracts/envelope.ts")).href)) as typeof here;
		const call = "01890000-0000-7000-8000-000000000001";
		const digest = `sha256:${"a".repeat(64)}`;
		const data = {
			...{ call, connection: "bank", function: "pay", pool: "default", digest, revision: digest },
			caller: { issuer: "https://idp.example", subject: "robin", groups: [] },
			...{ ending: "denied" as const, rules: ["no"], reasons: [{ code: "rule_denies" }] },
		};
		const ended = [here, other].map(({ newEvent }) => newEvent("policy", "call.ended", data, { at: new Date(0) }));
		const [ours, theirs] = ended;
		if (!ours || !theirs) throw new Error("unreachable");
		expect(theirs).toMatchObject({ release: otherRelease, data: { release: otherRelease, reasons: [{ weight: 1 }] } });
		expect(here.decodeEvents(subjectOf(ours), here.encodeEvents([ours, theirs]))).toEqual([
			{ ok: true, event: ours },
			{ ok: true, event: ours },
		]);
		expect(other.decodeEvents(subjectOf(ours), other.encodeEvents([ours, theirs]))).toEqual([
			{ ok: true, event: ours },
			{ ok: true, event: theirs },
		]);
	} finally {
		await rm(dir, { recursive: true, force: true });
	}
});
