// The result of an MCP server, masked like any JSON, and inside of its texts and bytes too: a tool says the same thing as text and as structured content.
import type { McpAnswer } from "#libs/contracts/answer.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { type Finding, Findings } from "#libs/masking/findings.ts";
import type { MaskingContext } from "#libs/masking/keyed/session-keys.ts";
import type { Mask } from "#libs/masking/mask.ts";
import { AnswerWithheld, parseAnswer, passedOn } from "./answer-text.ts";
import type { McpFunctionAnswer } from "./ports.ts";
import { fillStandIns, standIn } from "./stand-ins.ts";

type Place = readonly (string | number)[];

interface Masks {
	readonly mask: Mask;
	/** Whether the policy names places of the answer. */
	readonly byPlace: boolean;
	/** Whether bytes that are no text pass. */
	readonly passesMedia: boolean;
}

interface Masked {
	readonly result: McpAnswer;
	readonly shown: JsonValue;
	readonly findings: Finding[];
}

/** @throws {AnswerWithheld | JsonRefused | MaskingError} */
export function maskMcp({ isError, code, body, asks }: McpFunctionAnswer, masks: Masks, keys?: MaskingContext): Masked {
	const text = textOf(body);
	const read = text === undefined ? undefined : parseAnswer(text, true, true);
	if (text === undefined || !read || !isJsonObject(read.value)) throw new AnswerWithheld("it is no result of MCP");
	const inside = new Inside(masks, keys);
	const opened = inside.open(read.value, []);
	const { value, findings } = masks.mask.mask(opened, keys);
	for (const found of findings) inside.found([], tokensOf(found.path), found);
	const told = inside.findings.list();
	const said = { protocol: "mcp" as const, isError, ...(code !== undefined && { code }), ...(asks && { asks }) };
	// Untouched and unambiguous: the caller gets the server's own text, with every digit of every number.
	const isUntouched = told.length === 0 && read.exact && !inside.hasRewritten;
	const shown = inside.shown(value);
	return { result: { ...said, body: isUntouched ? passedOn(text) : { json: inside.close(value) } }, shown, findings: told };
}

function tokensOf(pointer: string): string[] {
	return pointer
		.split("/")
		.slice(1)
		.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Texts that are JSON and bytes in base64, masked where they stand; bytes that are no text are taken out while the rest is masked. */
class Inside {
	readonly findings = new Findings();
	/** Whether some text or bytes are not as the server wrote them, although nothing in them was found. */
	hasRewritten = false;
	private readonly masks: Masks;
	private readonly keys: MaskingContext | undefined;
	private readonly media: { readonly base64: string; readonly type: string }[] = [];

	constructor(masks: Masks, keys: MaskingContext | undefined) {
		this.masks = masks;
		this.keys = keys;
	}

	/** @param below where inside of a text, by names that are masked already */
	found(place: Place, below: Place, { detector, count }: Finding): void {
		const names = place.map((name) => (typeof name === "string" ? this.masks.mask.maskText(name, this.keys).text : name));
		this.findings.at([...names, ...below]);
		this.findings.add(detector, count);
	}

	open(value: JsonValue, place: Place): JsonValue {
		if (Array.isArray(value)) return value.map((item, index) => this.open(item, [...place, index]));
		if (!isJsonObject(value)) return value;
		const entries = Object.entries(value).map(([name, member]): [string, JsonValue] => [
			name,
			this.member(value, name, member, [...place, name]),
		]);
		return Object.fromEntries(entries);
	}

	private member(of: JsonObject, name: string, member: JsonValue, place: Place): JsonValue {
		if (typeof member !== "string") return this.open(member, place);
		if (name === "text") return this.text(member, place);
		const isBytes = (name === "blob" && typeof of.uri === "string") || (name === "data" && typeof of.mimeType === "string");
		return isBytes ? this.bytes(member, typeof of.mimeType === "string" ? of.mimeType : "bytes", place) : member;
	}

	/** What policies say of structured content holds for a text that is the same content. */
	private text(text: string, place: Place): string {
		const json = parseAnswer(text, false, this.masks.byPlace);
		if (json === undefined) return text;
		const { value, findings } = this.masks.mask.mask({ structuredContent: json.value }, this.keys);
		for (const one of findings) this.found(place, tokensOf(one.path).slice(1), one);
		if (findings.length === 0 && json.exact) return text;
		this.hasRewritten = true;
		return JSON.stringify(isJsonObject(value) ? (value.structuredContent ?? null) : null);
	}

	private bytes(base64: string, type: string, place: Place): string {
		const decoded = Buffer.from(base64, "base64");
		const text = textOf(decoded);
		if (text !== undefined) {
			const open = this.text(text, place);
			const masked = this.masks.mask.maskText(open, this.keys);
			for (const one of masked.findings) this.found(place, [], one);
			if (masked.text === text) return base64;
			this.hasRewritten = true;
			return Buffer.from(masked.text).toString("base64");
		}
		if (!this.masks.passesMedia)
			throw new AnswerWithheld(
				"it holds bytes that are no text, so they cannot be masked (media: pass on the Connection lets them through)",
			);
		// Anything that decodes to these bytes would be let through: what is passed on is written anew.
		const written = decoded.toString("base64");
		this.hasRewritten ||= written !== base64;
		return standIn(this.media.push({ base64: written, type }) - 1);
	}

	/** Puts the bytes back where masking left what stands for them. */
	close(masked: JsonValue): JsonValue {
		return this.media.length === 0 ? masked : fillStandIns(masked, (nth) => this.media[nth]?.base64);
	}

	/** For the record: what kind of bytes there were, and how many. */
	shown(masked: JsonValue): JsonValue {
		if (this.media.length === 0) return masked;
		return fillStandIns(masked, (nth) => {
			const one = this.media[nth];
			return one && `[${typeName(one.type)}, ${one.base64.length} characters of base64]`;
		});
	}
}

/** A media type as it may be shown: the server's own word for it can be anything. */
function typeName(type: string): string {
	return /^[a-z]{1,20}\/[a-z0-9.+-]{1,40}$/.test(type) ? type : "bytes";
}

function textOf(bytes: Uint8Array): string | undefined {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		return undefined;
	}
}
