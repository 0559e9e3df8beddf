// One call of a bench over a kept connection: sent, and its answer read and checked.
import type { Dispatcher, Pool } from "undici";
import type { Send } from "./generate-load.ts";
import { lettersOf } from "./letters.ts";

/** Where calls go and how they look; the same for every call but its reference and its caller's token. */
export interface Target {
	/** Callers are spread over them evenly. */
	readonly origins: readonly string[];
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	/** Bearer tokens, one a caller; none: calls carry no token. */
	readonly tokens: readonly string[];
	/** The body around the call's reference. */
	readonly body: readonly [before: string, after: string];
	/** Whether a wrong answer is told word by word. Not where it may repeat a header that must not be shown. */
	readonly answersShown: boolean;
}

/** @param run calls of different runs have different references @param pools one a caller, or fewer that are shared */
export function sender({ path, headers, tokens, body, answersShown }: Target, run: string, pools: readonly Pool[]): Send {
	return (number, caller) => {
		const pool = pools[caller % pools.length];
		const token = tokens[caller % tokens.length];
		const reference = `${run}-${lettersOf(number)}`;
		const request: Dispatcher.DispatchOptions = {
			...{ path, method: "POST", body: `${body[0]}${reference}${body[1]}` },
			headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
		};
		return new Promise((resolve) => pool?.dispatch(request, new Checked(reference, answersShown, resolve)));
	};
}

/** Reads one answer: the right one is 200 and repeats the reference, which only the bank can have said in its place. */
class Checked implements Dispatcher.DispatchHandler {
	private readonly reference: string;
	private readonly shown: boolean;
	private readonly done: (fault: string | undefined) => void;
	private status = 0;
	private text = "";
	constructor(reference: string, shown: boolean, done: (fault: string | undefined) => void) {
		this.reference = reference;
		this.shown = shown;
		this.done = done;
	}
	onRequestStart(): void {}
	onResponseStart(_controller: unknown, status: number): void {
		this.status = status;
	}
	onResponseData(_controller: unknown, chunk: Buffer): void {
		this.text += chunk.toString("latin1");
	}
	onResponseEnd(): void {
		const right = this.status === 200 && this.text.includes(`"done":true,"reference":"${this.reference}"`);
		const told = this.shown ? this.text.slice(0, 300) : `(${this.text.length} bytes, not shown: they may repeat a header)`;
		this.done(right ? undefined : `${this.status} ${told}`);
	}
	onResponseError(_controller: unknown, error: Error): void {
		this.done(`no answer: ${error.message}`);
	}
}
