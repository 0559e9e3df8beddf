// Names that were read before: of members, which come back with every answer, and of what stands in texts.
import { type Told, toldBeside } from "./beside.ts";
import { maskString, type Shared } from "./mask-string.ts";
import { hintsOf } from "./names.ts";
import type { DetectorId, NameHints } from "./scan.ts";

/** A member's name, masked and read once, however often it comes back. */
export interface KnownName {
	readonly name: string;
	readonly hints: number;
	/** Whether its value may be told by what is beside it: `{ name: "DB_PASSWORD", value: "…" }`. */
	readonly told: Told;
	readonly found: ReadonlyMap<DetectorId, number>;
	/** Where the paths of the mask were before a member of this name last, and in it: in a list of objects they come to the same each time. */
	before: readonly number[];
	within: readonly number[];
}

const knownMax = 4096;
/** A name that is longer is read anew each time: it is more likely data than a name. */
const nameCharsMax = 64;
const none: readonly number[] = [];
const nothing: ReadonlyMap<DetectorId, number> = new Map();

/** Belongs to one compiled mask. Bounded; what has something sensitive in it is not kept. */
export class KnownNames implements NameHints {
	private readonly members = new Map<string, KnownName>();
	private readonly inTexts = new Map<string, number>();

	/** What the name of something in a text says. */
	hints(name: string): number {
		const known = this.inTexts.get(name);
		if (known !== undefined) return known;
		const hints = hintsOf(name);
		if (name.length <= nameCharsMax) {
			if (this.inTexts.size >= knownMax) this.inTexts.clear();
			this.inTexts.set(name, hints);
		}
		return hints;
	}

	/** A member's name, masked, and what it says. */
	of(original: string, shared: Shared): KnownName {
		const known = this.members.get(original);
		if (known) return known;
		const masked = maskString(shared, original, 0);
		const name = masked?.text ?? original;
		const entry = {
			name,
			hints: hintsOf(name),
			told: toldBeside(original),
			found: masked?.found ?? nothing,
			before: none,
			within: none,
		};
		if (!masked && original.length <= nameCharsMax) {
			if (this.members.size >= knownMax) this.members.clear();
			this.members.set(original, entry);
		}
		return entry;
	}
}
