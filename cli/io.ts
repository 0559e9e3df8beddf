// What a command touches of the world, handed in by main.ts so that tests can hand in their own.

/** Standard input: a stream of bytes, and on a terminal a switch that stops it from showing what is typed. */
export type Input = AsyncIterable<Uint8Array | string> & {
	readonly isTTY?: boolean;
	setRawMode?(raw: boolean): unknown;
};

export interface Io {
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** One line of a result, for standard output, without a line end. */
	readonly print: (line: string) => void;
	/** One line of progress or advice, for standard error. */
	readonly tell: (line: string) => void;
	readonly input: Input;
	/** Standard output is a terminal: what is printed may wait for whoever reads it. */
	readonly isTerminal?: boolean;
	/** Runs another program on this terminal; resolves with what it exits with. */
	readonly run: (script: string, args: readonly string[]) => Promise<number>;
}
