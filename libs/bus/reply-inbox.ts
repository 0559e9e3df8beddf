// Answers to requests, all through one subscription: a counter tells them apart, and one timer looks after all of their time limits.

/** What came back, or that nothing did: no word about whether the server did what was asked. */
export type Answered<Message> = { readonly message: Message } | { readonly fault: "timeout" | "forbidden" };

interface Waiting<Message> {
	readonly subject: string;
	readonly until: number;
	readonly settle: (answered: Answered<Message>) => void;
}

/** How exactly time limits are kept. They say when to try again, and never decide anything. */
const sweepEveryMs = 50;

/**
 * The client's own requests make a timer, a race and an error for each request, also for those that succeed, and learn of a lost connection
 * or of a permission that they lack only by their own time limit. An answer that comes too late finds nobody and is dropped.
 */
export class ReplyInbox<Message> {
	/** Subscribe to this. */
	readonly filter: string;
	private readonly prefix: string;
	private readonly waiting = new Map<string, Waiting<Message>>();
	private readonly now: () => number;
	private count = 0;
	private timer: NodeJS.Timeout | undefined;

	/** @param inbox a subject that nobody else listens on. */
	constructor(inbox: string, now: () => number = () => performance.now()) {
		this.prefix = `${inbox}.`;
		this.filter = `${inbox}.*`;
		this.now = now;
	}

	/** Sends by `send`, which is told where the answer must go. What `send` throws is thrown. */
	async ask(subject: string, timeoutMs: number, send: (replyTo: string) => void): Promise<Answered<Message>> {
		const token = (++this.count).toString(36);
		const answered = Promise.withResolvers<Answered<Message>>();
		this.waiting.set(token, { subject, until: this.now() + timeoutMs, settle: answered.resolve });
		this.timer ??= setInterval(() => this.sweep(), sweepEveryMs);
		try {
			send(this.prefix + token);
			return await answered.promise;
		} finally {
			this.waiting.delete(token);
		}
	}

	/** An answer came on `subject`. */
	hear(subject: string, message: Message): void {
		this.waiting.get(subject.slice(this.prefix.length))?.settle({ message });
	}

	/** The server does not let this connection publish on `subject`. */
	forbid(subject: string): void {
		for (const one of this.waiting.values()) if (one.subject === subject) one.settle({ fault: "forbidden" });
	}

	/** The connection is gone, and with it every answer that was on its way. */
	abandon(): void {
		for (const { settle } of this.waiting.values()) settle({ fault: "timeout" });
	}

	private sweep(): void {
		const now = this.now();
		for (const { until, settle } of this.waiting.values()) if (until <= now) settle({ fault: "timeout" });
		if (this.waiting.size > 0) return;
		clearInterval(this.timer);
		this.timer = undefined;
	}
}
