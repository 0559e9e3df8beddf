// The answer to a client of an older revision that can be asked something meanwhile. A server asks in the answer to a call (2026-07-28): here its question is a request to
// the client, in the events of the client's own request, and what the client answers is an argument of the next call, which is decided anew.
import type { FastifyReply } from "fastify";
import type { Caller } from "#libs/contracts/call.ts";
import { bodyJsonOf } from "#libs/contracts/ending-answer.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { problems, Refusal } from "#libs/contracts/problems.ts";
import { memberOf } from "#libs/functions/schema.ts";
import { canAnswer, type QuestionMethod } from "#libs/mcp/questions.ts";
import { sealState } from "#libs/mcp/request-state.ts";
import { answerOf } from "../../answer-call.ts";
import type { Ended } from "../../pending-calls.ts";
import type { Begun, Submitted } from "../../submit-call.ts";
import { waitsForOf } from "../../waits-for.ts";
import type { DoorPorts } from "../door.ts";
import { openQuestion, repliesTo } from "./client-replies.ts";
import { outcomeOf } from "./outcome.ts";
import { refusedText, type Unfinished, unfinishedText, unfitText } from "./send.ts";
import { brokenOff, failureText, type Noticed, noticesOf, outcomeText, sendEvents } from "./send-noticed.ts";

/** Calls that answer one request. */
const roundsMax = 8;

export interface Asking extends Noticed {
	readonly caller: Caller;
	readonly arguments: JsonObject;
	/** The same function, called with these. @throws {Refusal} */
	readonly again: (args: JsonObject) => Promise<Submitted | Begun>;
}

export function sendAsking(ports: DoorPorts, reply: FastifyReply, first: Submitted | Begun, asking: Asking): FastifyReply {
	let current = first;
	const leave = () => "pieces" in current && current.pieces.leave();
	const again: Asking["again"] = async (args) => {
		current = await asking.again(args);
		if (asking.gone.aborted) leave();
		return current;
	};
	return sendEvents(reply, messagesOf(ports, first, { ...asking, again }), { gone: asking.gone, leave });
}

/** Ends with the answer, or with an error: nothing is cut off in silence. */
async function* messagesOf(ports: DoorPorts, first: Submitted | Begun, asking: Asking): AsyncGenerator<string, void> {
	let submitted = first;
	try {
		for (let round = 1; ; round++) {
			if (!("pieces" in submitted || submitted.ended)) {
				yield await stillWaiting(ports, asking, submitted, round);
				return;
			}
			const ended = "pieces" in submitted ? yield* noticesOf(submitted, asking.wanted) : submitted.ended;
			if (!ended) {
				yield brokenOff(asking.id, submitted.call);
				return;
			}
			const questions = await questionsOf(ports, ended, asking);
			const outcome = questions ? undefined : await outcomeOf(ports, ended, asking);
			if ("pieces" in submitted) await submitted.answered();
			const answers = questions && round < roundsMax ? yield* answersOf(ports, ended, questions, asking) : "more than is passed on";
			if (!questions || typeof answers === "string") {
				yield outcome ? outcomeText(asking.id, outcome) : refusedText(asking, `What the server asked was ${answers}: call anew`);
				return;
			}
			submitted = await asking.again({ ...asking.arguments, ...answers });
		}
	} catch (error) {
		if (error instanceof Refusal && problems[error.code].status < 429) yield unfitText(asking, error.code, error.details);
		else yield failureText(ports, asking.id, submitted.call, error);
	}
}

/** Asks the client all of it at once. Returns the arguments with which the function is called again, or what became of the questions. */
async function* answersOf(
	ports: DoorPorts,
	{ data }: Ended,
	{ list, requestState }: Questions,
	{ caller, gone }: Asking,
): AsyncGenerator<string, JsonObject | string> {
	const asked = new Map<string, string>();
	for (const { key, method, params } of list) {
		const id = await openQuestion(ports, caller, data, method);
		asked.set(key, id);
		yield JSON.stringify({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) });
	}
	const replies = await repliesTo(ports, data, [...asked.values()], gone);
	if (!replies) return "not answered";
	const answers = [...asked].flatMap(([key, id]): [string, JsonObject][] => {
		const answer = replies.get(id);
		return answer ? [[key, answer]] : [];
	});
	if (answers.length < asked.size) return "answered with no answer to it";
	return { inputResponses: Object.fromEntries(answers), requestState };
}

interface Questions {
	readonly list: readonly { readonly key: string; readonly method: QuestionMethod; readonly params: unknown }[];
	readonly requestState: string;
}

/** What an answer asks the client, which can answer all of it; undefined where it is another answer. */
async function questionsOf(ports: DoorPorts, ended: Ended, { askable, gone }: Asking): Promise<Questions | undefined> {
	const answer = await answerOf(ports, ended, gone);
	if (!answer.ok || answer.result.protocol !== "mcp") return undefined;
	const { asks } = answer.result;
	if (!asks || !canAnswer(asks, askable)) return undefined;
	const requests = memberOf(JSON.parse(bodyJsonOf(answer.result) ?? "{}"), "inputRequests");
	const list = Object.entries(asks.asked).map(([key, method]) => ({
		...{ key, method: method as QuestionMethod },
		params: memberOf(memberOf(requests, key), "params"),
	}));
	const { data } = ended;
	return { list, requestState: sealState(ports.sealingKeys, data.pool, data.call, data, asks, ports.clock.now()) };
}

/** The same request attaches to the first of its calls. To one that has an answer in it nothing attaches: the same request would ask again. */
async function stillWaiting(ports: DoorPorts, asking: Asking, { call, state }: Pick<Unfinished, "call" | "state">, round: number) {
	const advice = round === 1 ? undefined : `What becomes of it is told at /v1/calls/${call}`;
	return unfinishedText(asking, { call, state, waitsFor: await waitsForOf(ports.bus, call) }, advice);
}
