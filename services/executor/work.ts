// What the executor has done in another thread where arguments or an answer are large. Credentials and keys stay where they are.
import { job } from "#libs/service/aside-job.ts";
import { AnswerWithheld, type MaskedAnswer, maskAnswer, masksOf } from "./mask-answer.ts";
import type { FunctionAnswer } from "./ports.ts";
import { readGranted } from "./read-granted.ts";

export const readLarge = job(readGranted);

export interface LargeAnswer {
	readonly connection: string;
	readonly function: string;
	readonly answer: FunctionAnswer;
}

/** The result as the text that is sealed, or why it must not leave. */
export type LargeMasked = (Omit<MaskedAnswer, "result"> & { readonly text: string }) | { readonly withheld: string };

export const maskLarge = job((configuration, { connection, function: name, answer }: LargeAnswer): LargeMasked => {
	try {
		const { result, view, findings } = maskAnswer(answer, masksOf(configuration, connection, { name }));
		return { text: JSON.stringify(result), view, findings };
	} catch (error) {
		if (error instanceof AnswerWithheld) return { withheld: error.message };
		throw error;
	}
});
