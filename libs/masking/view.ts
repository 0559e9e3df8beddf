// What people and logs see of a value: everything masked first, then cut to a size that an approver can read and an index can hold.
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
import { type MaskAction, mergedPaths } from "./action.ts";
import { ALL_DETECTORS } from "./detectors.ts";
import type { Finding } from "./findings.ts";
import { compileMask, type Mask, type MaskSpec } from "./mask.ts";

/** Bounds of a view. Lengths are in UTF-16 code units, bytes in UTF-8 of its JSON. */
export const viewLimits = {
	/** A string that OpenSearch indexes as one keyword must stay well below 32,766 bytes; people stop reading long before. */
	stringCharsMax: 512,
	nameCharsMax: 128,
	/** Items of one array, members of one object. */
	childrenMax: 200,
	/** In total: an approval message and an event carry it whole. */
	bytesMax: 16 * 1024,
	/** `flat_object` makes one dotted name of all levels. */
	depthMax: 16,
} as const;

/** Room for the markers of what was left out, at every level that may need one. */
const markerBytes = 64;

export interface ViewSpec extends MaskSpec {
	/** Selectors of values that the function's declaration calls sensitive, with what is shown of them. */
	readonly sensitivePaths?: Readonly<Record<string, MaskAction>>;
}

/** Compiles a view: all detectors, the policy's own paths, and the declared sensitive paths. @throws {MaskSpecError} */
export function compileView(spec?: Partial<ViewSpec>): Mask {
	return compileMask({ paths: mergedPaths(spec?.paths ?? {}, spec?.sensitivePaths ?? {}), detect: ALL_DETECTORS });
}

const plainView = compileView();

/**
 * The view of a value: masked with every detector whatever the specification turns on, then cut with markers that say what was left out.
 * Cutting comes last, because half a card number is found by nobody.
 *
 * @param spec a specification, or what `compileView` made of one (do that once where many values share it).
 * @throws {MaskingError} as `mask` does: then there is no view, and the value must not be shown in any other way.
 */
export function maskedView(value: JsonValue, spec?: Partial<ViewSpec> | Mask): { view: JsonValue; findings: Finding[] } {
	const mask = spec === undefined ? plainView : "mask" in spec ? spec : compileView(spec);
	const { value: masked, findings } = mask.mask(value);
	return { view: cutView(masked), findings };
}

/** Cuts what was masked by every detector already. */
export function cutView(masked: JsonValue): JsonValue {
	return new Cutter().cut(masked, 0);
}

/** Whether what this specification masks has nothing left that a view would mask: then it is only cut. */
export function masksAsView({ detect }: MaskSpec): boolean {
	return ALL_DETECTORS.every((name) => detect.includes(name));
}

/** `[N more …]` in the words of the marks, so that no reader takes it for data. */
function leftOut(count: number, what: "characters" | "items" | "members"): string {
	return `[${count} more ${what}]`;
}

/** Shortens to `max` without splitting a surrogate pair. */
function shorten(text: string, max: number): string {
	if (text.length <= max) return text;
	const split = text.charCodeAt(max - 1) >= 0xd800 && text.charCodeAt(max - 1) <= 0xdbff;
	const kept = text.slice(0, split ? max - 1 : max);
	return `${kept}… ${leftOut(text.length - kept.length, "characters")}`;
}

function bytesOf(value: JsonValue): number {
	return Buffer.byteLength(JSON.stringify(value));
}

/** Copies a value until the bytes are used up; every level that loses something says so. */
class Cutter {
	private bytesLeft: number = viewLimits.bytesMax;

	cut(value: JsonValue, depth: number): JsonValue {
		if (typeof value === "string") return this.spend(shorten(value, viewLimits.stringCharsMax));
		if (typeof value !== "object" || value === null) return this.spend(value);
		if (depth >= viewLimits.depthMax) return this.spend("[deeper levels left out]");
		// The brackets, and the marker that this level may need.
		this.bytesLeft -= 2 + markerBytes;
		return Array.isArray(value) ? this.array(value, depth) : this.object(value, depth);
	}

	private spend<Value extends JsonValue>(value: Value): Value {
		this.bytesLeft -= bytesOf(value) + 1;
		return value;
	}

	/** Whether a child still fits whatever it is: a longest string of three-byte characters, or a container with its marker. */
	private fits(child: JsonValue, nameBytes: number): boolean {
		const least =
			typeof child === "string" ? bytesOf(shorten(child, viewLimits.stringCharsMax)) : typeof child === "object" ? 2 + markerBytes : 32;
		return this.bytesLeft >= least + nameBytes + 2;
	}

	private array(items: readonly JsonValue[], depth: number): JsonValue[] {
		const out: JsonValue[] = [];
		for (const item of items) {
			if (out.length >= viewLimits.childrenMax || !this.fits(item, 0)) break;
			out.push(this.cut(item, depth + 1));
		}
		if (out.length < items.length) out.push(leftOut(items.length - out.length, "items"));
		return out;
	}

	private object(object: JsonObject, depth: number): JsonObject {
		const out: JsonObject = {};
		const names = Object.keys(object);
		let shown = 0;
		for (const name of names) {
			const child = object[name] ?? null;
			const short = uniqueName(shorten(name, viewLimits.nameCharsMax), out);
			const nameBytes = bytesOf(short) + 2;
			if (shown >= viewLimits.childrenMax || !this.fits(child, nameBytes)) break;
			this.bytesLeft -= nameBytes;
			Object.defineProperty(out, short, { value: this.cut(child, depth + 1), enumerable: true, configurable: true, writable: true });
			shown++;
		}
		if (shown < names.length) out[uniqueName("…", out)] = leftOut(names.length - shown, "members");
		return out;
	}
}

/** Names that were shortened may have become equal. */
function uniqueName(name: string, out: JsonObject): string {
	let candidate = name;
	for (let number = 2; Object.hasOwn(out, candidate); number++) candidate = `${name} (${number})`;
	return candidate;
}
