// Things that may happen very often are told at most once a second each: the first at once, those that follow with their number.
import { randomUUID } from "node:crypto";

/** Something that happened `count` times; `id` is the same however often it must be told. */
export interface Counted<About> {
	readonly about: About;
	readonly count: number;
	readonly id: string;
	readonly at: Date;
}

export interface TallyOptions<About> {
	/** Tells one; awaited. What it rejects stays and is told again with the same id; meanwhile the rest is counted. */
	readonly tell: (counted: Counted<About>) => unknown;
	/** Stands for everything beyond `kindsMax`, so that nothing is dropped where too much differs. */
	readonly rest: About;
	readonly now?: () => Date;
	readonly everyMs?: number;
	readonly kindsMax?: number;
}

const everyMsDefault = 1_000;
const kindsMaxDefault = 64;

/** Never slows or fails whoever notes something; what it holds is bounded by `kindsMax`. */
export class Tally<About extends object> {
	private readonly options: TallyOptions<About>;
	private readonly noted = new Map<string, { readonly about: About; count: number }>();
	private untold: readonly Counted<About>[] = [];
	private telling: Promise<void> | undefined;
	private pause: NodeJS.Timeout | undefined;

	constructor(options: TallyOptions<About>) {
		this.options = options;
	}

	/** What has one kind is told as the first of it, with its number. */
	note(about: About, kindOf: object = about): void {
		const named = JSON.stringify(kindOf);
		const fits = this.noted.has(named) || this.noted.size < (this.options.kindsMax ?? kindsMaxDefault);
		const kind = fits ? named : "";
		const known = this.noted.get(kind);
		if (known) known.count += 1;
		else this.noted.set(kind, { about: fits ? about : this.options.rest, count: 1 });
		if (this.pause === undefined) this.begin();
	}

	/** Tells what was only counted so far, once. For a process that stops. */
	async close(): Promise<void> {
		clearTimeout(this.pause);
		await this.telling;
		await this.tell();
		if (this.untold.length === 0) await this.tell();
	}

	private begin(): void {
		this.pause = setTimeout(() => {
			this.pause = undefined;
			if (this.untold.length > 0 || this.noted.size > 0) this.begin();
		}, this.options.everyMs ?? everyMsDefault).unref();
		this.telling ??= this.tell().finally(() => {
			this.telling = undefined;
		});
	}

	private async tell(): Promise<void> {
		if (this.untold.length === 0) {
			const at = this.options.now?.() ?? new Date();
			this.untold = [...this.noted.values()].map((one) => ({ ...one, at, id: randomUUID() }));
			this.noted.clear();
		}
		const { untold } = this;
		const told = await Promise.allSettled(untold.map(async (one) => await this.options.tell(one)));
		this.untold = untold.filter((_, nth) => told[nth]?.status === "rejected");
	}
}
