// A call's ending as what its caller reads: the function's own answer, or one problem with a stable code.
import { type HttpAnswer, type McpAnswer, readAnswer } from "#libs/contracts/answer.ts";
import { refusedAs } from "#libs/contracts/ending-answer.ts";
import { type ProblemCode, type ProblemDetails, Refusal } from "#libs/contracts/problems.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { wholeOf } from "./follow-pieces.ts";
import type { Ended } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";

/** As it was opened. */
export type OpenedAnswer = OpenedHttpAnswer | OpenedMcpAnswer;
export type OpenedHttpAnswer = HttpAnswer & WrittenOut;
export type OpenedMcpAnswer = McpAnswer & WrittenOut;

interface WrittenOut {
	/** The body as it stands in a JSON answer, where it was written out already. */
	readonly bodyJson?: string;
}

export type CallAnswer =
	| { readonly ok: true; readonly result: OpenedAnswer }
	| { readonly ok: false; readonly code: ProblemCode; readonly details: ProblemDetails };

/**
 * @param gone aborted when nobody waits for it any more
 * @throws {SealBroken} where the result was tampered with, which is an internal failure.
 */
export async function answerOf(
	ports: Pick<IngressPorts, "bus" | "pending" | "sealingKeys" | "configuration" | "aside">,
	ended: Ended,
	gone: AbortSignal,
): Promise<CallAnswer> {
	const { data } = ended;
	const { ending, sealed, streamed } = data;
	// Where there is an answer beside the pieces, they are what the function said before it.
	if (ending === "completed" && streamed && sealed === undefined) return { ok: true, result: await wholeOf(ports, ended) };
	if (ending === "completed" && sealed !== undefined) return { ok: true, result: await resultOf(ports, data, sealed, gone) };
	return { ok: false, ...refusedAs(ended) };
}

async function resultOf(
	{ sealingKeys, configuration, aside }: Pick<IngressPorts, "sealingKeys" | "configuration" | "aside">,
	{ call, pool, caller }: Ended["data"],
	sealed: string,
	gone: AbortSignal,
): Promise<OpenedAnswer> {
	if (sealed.length <= hereCharsMax) return known(readAnswer(sealingKeys.open(pool, call, "result", sealed)));
	const text = sealingKeys.openText(pool, call, "result", sealed);
	return known(await aside.run<string, OpenedAnswer | undefined>("readResult", turnOf(configuration.current(), caller, gone), text));
}

/** While replicas are updated an executor may be newer than this one. */
function known(answer: OpenedAnswer | undefined): OpenedAnswer {
	if (!answer) throw new Refusal("not_ready", { detail: "the answer is of a protocol that this replica is too old for; ask again" });
	return answer;
}
