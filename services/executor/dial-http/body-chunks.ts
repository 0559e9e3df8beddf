// A body as it arrives, for a reader that may be slower than the function: what waits is bounded, and then the function waits.

/** What may wait to be read. */
const waitingBytesMax = 256 * 1024;

export interface Flow {
	/** Nothing more is read from the connection until `resume`. */
	pause(): void;
	resume(): void;
	/** The reader has enough. */
	leave(): void;
}

/** All that has come since it was last asked for is one chunk, so small pieces cost their reader nothing. */
export class BodyChunks implements AsyncIterable<Uint8Array> {
	readonly #flow: Flow;
	#waiting: Uint8Array[] = [];
	#waitingBytes = 0;
	#over = false;
	#error: Error | undefined;
	#wake: () => void = () => undefined;

	constructor(flow: Flow) {
		this.#flow = flow;
	}

	add(chunk: Uint8Array): void {
		// undici's buffer is its own again afterwards.
		this.#waiting.push(Uint8Array.from(chunk));
		this.#waitingBytes += chunk.byteLength;
		if (this.#waitingBytes >= waitingBytesMax) this.#flow.pause();
		this.#wake();
	}

	/** Nothing more comes: because it is complete, or with what went wrong. What came before is read first. */
	end(error?: Error): void {
		if (this.#over) return;
		this.#over = true;
		this.#error = error;
		this.#wake();
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
		try {
			for (;;) {
				if (this.#waiting.length > 0) {
					const chunk = Buffer.concat(this.#waiting);
					this.#waiting = [];
					this.#waitingBytes = 0;
					this.#flow.resume();
					yield chunk;
				} else if (this.#over) {
					if (this.#error) throw this.#error;
					return;
				} else {
					const { promise, resolve } = Promise.withResolvers<void>();
					this.#wake = resolve;
					await promise;
				}
			}
		} finally {
			this.leave();
		}
	}

	/** Nobody reads it, or not to its end. */
	leave(): void {
		if (!this.#over) this.#flow.leave();
	}
}
