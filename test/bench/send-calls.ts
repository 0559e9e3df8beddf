// One call of a bench over a kept connection: sent, and its answer read and checked.
import type { Dispatcher, Pool } from "undici";
import type { Send } from "./generate-load.ts";
import { lettersOf } from "./letters.ts";

/** Where calls go and how they look; the same for every call but its reference and its caller's token. */
export interface Target {
	readonly origin: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	/** Bearer tokens, one a caller; none: calls carry no token. */
	readonly tokens: readonly string[];
	/** The body around the call's reference. */
	readonly body: readonly [before: string, after: string];
}

/** @param run calls of different runs have different references @param pools one a caller, or fewer that are shared */
export function sender({ path, headers, tokens, body }: Target, run: string, pools: readonly Pool[]): Send {
	return (number, caller) => {
		const pool = pools[caller % pools.length];
		const token = tokens[caller % tokens.length];
		const reference = `${run}-${lettersOf(number)}`;
		const request: Dispatcher.DispatchOptions = {
			...{ path, method: "POST", body: `${body[0]}${reference}${body[1]}` },
			headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
		};
		return new Promise((resolve) => pool?.dispatch(request, new Checked(reference, resolve)));
	};
}

/** Reads one answer: the right one is 200 and repeats the reference, which only the bank can have said in its place. */
class Checked implements Dispatcher.DispatchHandler {
	private readonly reference: string;
	private readonly done: (fault: string | undefined) => void;
	private status = 0;
	private text = "";
	constructor(reference: string, done: (fault: string | undefined) => void) {
		this.reference = reference;
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
		this.done(right ? undefined : `${this.status} ${this.text.slice(0, 300)}`);
	}
	onResponseError(_controller: unknown, error: Error): void {
		this.done(`no answer: ${error.message}`);
	}
}
