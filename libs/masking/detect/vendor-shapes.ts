// The lines of vendors.ts made ready: a piece of text to look for, and a pattern of bounded length for what stands around it.
import { classes, vendorLines } from "./vendors.ts";

/** One step of a shape: a text, or so many characters of a class. `max` is undefined where more may follow. */
export type Step = { readonly text: string } | { readonly letters: string; readonly min: number; readonly max: number | undefined };

export interface VendorToken {
	readonly vendor: string;
	readonly shape: string;
	readonly source: string;
	readonly steps: readonly Step[];
	/** What is looked for: a part of the token, or the vendor's name where the shape tells too little. */
	readonly anchors: readonly string[];
	/** Sticky. Where the shape begins with a class, its first part is before the anchor. */
	readonly pattern: RegExp;
	/** How many characters may stand before the anchor, and which. */
	readonly lead: { readonly min: number; readonly max: number; readonly letters: string } | undefined;
	readonly near: boolean;
	/** The prefix says what follows and stays: `AccountKey=`. */
	readonly keptChars: number;
}

const uuid: readonly Step[] = [8, 4, 4, 4, 12].flatMap((length, at): Step[] => [
	...(at > 0 ? [{ text: "-" }] : []),
	{ letters: classes.h ?? "", min: length, max: length },
]);

/** The steps of a shape. @throws {Error} for a class that there is not */
function stepsOf(shape: string): Step[] {
	return [...shape.matchAll(/<(\w)(?:(\d+)(?:-(\d+)|(\+))?)?>|([^<]+)/g)].flatMap(([, kind, min, max, open, text]): Step[] => {
		if (text !== undefined) return [{ text }];
		if (kind === "g") return [...uuid];
		const letters = classes[kind ?? ""];
		if (letters === undefined || min === undefined) throw new Error(`${shape}: there is no class ${kind}`);
		return [{ letters, min: Number(min), max: open ? undefined : Number(max ?? min) }];
	});
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
/** What is open and not the last part may have so many more characters. */
const openCharsMax = 512;

/** An open end is followed to the end of its run afterwards. */
function written(step: Step, isLast: boolean): string {
	if ("text" in step) return literal(step.text);
	const max = step.max ?? (isLast ? step.min : step.min + openCharsMax);
	return `[${step.letters}]{${step.min}${max === step.min ? "" : `,${max}`}}`;
}

/** Between a vendor's name and its token: the rest of a name, quotes, what assigns. */
const between = "[\\w .-]{0,24}[\"'`\\])]{0,2}\\s{0,4}(?:[=:>,|(]{1,3}|\\bis\\b)?\\s{0,4}[\"'`=(]{0,2}";

/** `{EZAK|EZTK}<w54>` is two. */
function withEach(line: string): string[] {
	const several = /\{([^}]+)\}/.exec(line);
	return several ? (several[1] ?? "").split("|").map((one) => line.replace(several[0], one)) : [line];
}

function tokenOf(line: string): VendorToken {
	const [vendor = "", rest = "", source = ""] = line.split(" | ");
	const near = /^near (\S+) (.+)$/.exec(rest);
	const shape = near?.[2] ?? rest;
	const steps = stepsOf(shape);
	const [first] = steps;
	if (!first) throw new Error(`${vendor}: an empty shape`);
	const patternOf = (of: readonly Step[]) => of.map((step, at) => written(step, at === of.length - 1)).join("");
	const base = { vendor, shape: rest, source, steps };
	if (near) {
		const name = near[1] ?? "";
		const spellings = new Set([name, name.charAt(0).toUpperCase() + name.slice(1), name.toUpperCase()]);
		const pattern = new RegExp(`(${between})(?<![A-Za-z0-9])${patternOf(steps)}`, "y");
		return { ...base, anchors: [...spellings], pattern, lead: undefined, near: true, keptChars: 0 };
	}
	const lead = "text" in first ? undefined : { min: first.min, max: first.max ?? first.min, letters: first.letters };
	const anchored = lead ? steps.slice(steps.findIndex((step) => "text" in step)) : steps;
	const [anchor] = anchored;
	if (!anchor || !("text" in anchor)) throw new Error(`${vendor}: nothing in the shape can be looked for`);
	const keptChars = /[=/]$/.test(anchor.text) && !lead && !anchor.text.includes("1//") ? anchor.text.length : 0;
	return { ...base, anchors: [anchor.text], pattern: new RegExp(patternOf(anchored), "y"), lead, near: false, keptChars };
}

export const vendorTokens: readonly VendorToken[] = vendorLines.trim().split("\n").flatMap(withEach).map(tokenOf);
