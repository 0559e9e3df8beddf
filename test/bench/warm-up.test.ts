// What is warmed up before anything counts: each lane's processes once.
import { expect, test } from "vitest";
import { laneNames } from "./lanes.ts";
import { warmedFor } from "./warm-up.ts";

test("lanes that use the same processes are warmed up once, by Callgate complete", () => {
	expect(warmedFor(laneNames)).toEqual(["direct", "proxy", "peer", "floor", "callgate", "callgate-mcp"]);
	expect(warmedFor(["callgate-unindexed"])).toEqual(["callgate"]);
	expect(warmedFor(["floor", "callgate-two"])).toEqual(["floor", "callgate"]);
});
