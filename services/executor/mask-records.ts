// An answer in pieces, masked record by record, and what belongs together over several records (the words of a model, say) as the one text that it is.
import { setImmediate } from "node:timers/promises";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
import { Findings } from "#libs/masking/findings.ts";
import { heldCharsMin, JoinedText, type MaskText } from "#libs/masking/joined-text.ts";
import type { MaskingContext } from "#libs/masking/keyed/session-keys.ts";
import { hintsOf, hintsWithin, inherited as inheritedHints } from "#libs/masking/names.ts";
import { hereCharsMax } from "#libs/service/work-aside.ts";
import { parseAnswer } from "./answer-text.ts";
import type { AnswerMasks } from "./mask-answer.ts";
import type { AnswerInPieces } from "./ports.ts";
import { fillStandIns, standIn, standInsIn } from "./stand-ins.ts";

/**
 * Members in which APIs that stream send a text in parts: OpenAI (chat, completions, responses), Anthropic, Gemini, Cohere, Ollama, vLLM, TGI. A string
 * in a member of another name is masked by itself.
 */
const joinedNames: ReadonlySet<string> = new Set([
	...["content", "text", "delta", "arguments", "partial_json", "thinking", "reasoning", "reasoning_content", "refusal"],
	...["response", "completion", "generated_text", "output_text"],
]);
/** A text that is not continued within so many records is over; within more, once one went on that was taken for over. */
const recordsWithoutMax = 32;
/** Texts that are continued at the same time; one more, and the one that was continued longest ago is over. As above. */
const textsMax = 64;
/** What either becomes at most: a function may be asked for many choices at once, and says a word of each in turn. */
const patienceMax = 1_024;
/** Names of texts that are over, of which it is noticed where they go on. */
const overMax = 4_096;
const overCharsMax = 256;
const depthMax = 64;
/** So long others wait while texts are masked. */
const turnMsMax = 5;

type Key = string | number;

/** A string that is a part of a text. */
interface Slot {
	readonly path: readonly Key[];
	readonly raw: string;
	/** Which text: where it stands, and the indexes that stand beside it. */
	readonly text: string;
}

/** A record that waits until all of it is masked. */
interface Held {
	readonly raw: string;
	/** What it is written from, once every slot is filled; undefined where nothing of it is changed but perhaps its slots. */
	readonly write: (filled: readonly string[]) => string;
	readonly filled: (string | undefined)[];
	open: number;
}

interface Text {
	readonly joined: JoinedText;
	/** The parts it waits for, in order. */
	readonly parts: { readonly held: Held; readonly slot: number }[];
	lastRecord: number;
}

export class RecordMasker {
	private readonly masks: Pick<AnswerMasks, "mask" | "byPlace">;
	private readonly keys: MaskingContext | undefined;
	private readonly framing: AnswerInPieces["framing"];
	private readonly maskText: MaskText;
	private readonly heldMin: number;
	private readonly texts = new Map<string, Text>();
	private readonly held: Held[] = [];
	private readonly found = new Findings();
	private records = 0;
	/** When others had their turn. */
	private turnMs = 0;
	private recordsWithoutMax = recordsWithoutMax;
	private textsMax = textsMax;
	/** By name, the last record of a text that was taken for over. */
	private readonly over = new Map<string, number>();

	/**
	 * @param scrub takes out of a text that was put together what no single part holds
	 * @param keys of the caller's session; needed where the masks are keyed
	 */
	constructor(
		masks: Pick<AnswerMasks, "mask" | "byPlace">,
		framing: AnswerInPieces["framing"],
		scrub: AnswerInPieces["scrub"],
		keys?: MaskingContext,
	) {
		this.masks = masks;
		this.keys = keys;
		this.framing = framing;
		// What the function was told in place of a token has no sign by which its beginning is known.
		this.heldMin = (keys?.revealed ?? []).reduce((most, [value]) => Math.max(most, value.length), heldCharsMin);
		this.maskText = async (text) => {
			// One record may hold parts of many texts, and each is masked several times to find where it may be parted.
			if (text.length > hereCharsMax || performance.now() - this.turnMs > turnMsMax) {
				await setImmediate();
				this.turnMs = performance.now();
			}
			return masks.mask.maskText(await scrub(text), keys);
		};
	}

	/**
	 * Takes the next record. Returns what may leave now, in the format that came: whole records, none twice, or nothing.
	 *
	 * @throws {MaskingError}, {@link AnswerWithheld}: nothing that did not leave yet may.
	 */
	async add(record: string): Promise<string> {
		this.turnMs = performance.now();
		this.records++;
		this.hold(record);
		for (const [name, text] of this.texts) {
			const isOver = this.records - text.lastRecord >= this.recordsWithoutMax;
			if (isOver || text.lastRecord === this.records) await this.settle(name, text, isOver);
		}
		for (const [name, text] of this.texts) {
			if (this.texts.size <= this.textsMax) break;
			await this.settle(name, text, true);
		}
		return this.release();
	}

	/** Nothing follows: all that is left. */
	async end(): Promise<string> {
		for (const [name, text] of this.texts) await this.settle(name, text, true);
		return this.release();
	}

	findings(): ReturnType<Findings["list"]> {
		return this.found.list();
	}

	private count(detector: string, count: number, path = ""): void {
		this.found.at(path === "" ? [] : path.slice(1).split("/"));
		this.found.add(detector, count);
	}

	private async settle(name: string, { joined, parts, lastRecord }: Text, isOver: boolean): Promise<void> {
		for (const masked of await joined.settle(isOver)) {
			const part = parts.shift();
			if (!part) continue;
			part.held.filled[part.slot] = masked;
			part.held.open--;
		}
		for (const { detector, count } of joined.findings.splice(0)) this.count(detector, count);
		if (!isOver) return;
		this.texts.delete(name);
		if (name.length > overCharsMax) return;
		this.over.set(name, lastRecord);
		for (const oldest of this.over.keys()) if (this.over.size > overMax) this.over.delete(oldest);
	}

	/** A text that goes on although it was taken for over: from now on there is more patience with all of them. */
	private wait(name: string): void {
		const last = this.over.get(name);
		if (last === undefined) return;
		this.over.delete(name);
		this.recordsWithoutMax = Math.min(patienceMax, Math.max(this.recordsWithoutMax, 2 * (this.records - last)));
		this.textsMax = Math.min(patienceMax, Math.max(this.textsMax, 2 * this.texts.size));
	}

	private release(): string {
		const ready = this.held.findIndex(({ open }) => open > 0);
		const leaving = this.held.splice(0, ready < 0 ? this.held.length : ready);
		return leaving.map(({ write, filled }) => write(filled.map((part) => part ?? ""))).join("");
	}

	private hold(raw: string): void {
		const { slots, write } = this.framing === "events" ? this.readEvent(raw) : this.readLine(raw);
		const held: Held = { raw, write, filled: slots.map(() => undefined), open: slots.length };
		this.held.push(held);
		for (const [slot, { text: name, raw: part }] of slots.entries()) {
			this.wait(name);
			const known = this.texts.get(name) ?? { joined: new JoinedText(this.maskText, this.heldMin), parts: [], lastRecord: 0 };
			// The order of the map is the order in which they were continued.
			this.texts.delete(name);
			this.texts.set(name, known);
			known.joined.add(part);
			known.parts.push({ held, slot });
			known.lastRecord = this.records;
		}
	}

	/** An event of server-sent events: its data is masked as one value; each of its other lines by itself. */
	private readEvent(raw: string): Pick<Held, "write"> & { readonly slots: readonly Slot[] } {
		const lines = raw.replace(/(?:\r\n|\n|\r){1,2}$/, "").split(/\r\n|\n|\r/);
		const isData = (line: string) => line === "data" || line.startsWith("data:");
		const data = lines.filter(isData).map((line) => line.replace(/^data:? ?/, ""));
		const first = lines.findIndex(isData);
		const others = lines.map((line) => (isData(line) ? undefined : this.masked(line)));
		const isSame = lines.every((line, at) => others[at] === undefined || others[at] === line);
		const { slots, write } = data.length === 0 ? { slots: [], write: () => "" } : this.readData(data.join("\n"));
		return {
			slots,
			write: (filled) => {
				const written = write(filled);
				if (isSame && written === data.join("\n")) return raw;
				const dataLines = written.split("\n").map((line) => `data: ${line}`);
				const all = others.flatMap((line, at) => (line !== undefined ? [line] : at === first ? dataLines : []));
				return `${all.join("\n")}\n\n`;
			},
		};
	}

	private readLine(raw: string): Pick<Held, "write"> & { readonly slots: readonly Slot[] } {
		const line = raw.replace(/\r?\n$/, "");
		const { slots, write } = this.readData(line, "\n");
		return {
			slots,
			write: (filled) => {
				const written = write(filled);
				return written === line ? raw : `${written}\n`;
			},
		};
	}

	private masked(text: string): string {
		const { text: masked, findings } = this.masks.mask.maskText(text, this.keys);
		for (const { detector, count } of findings) this.count(detector, count);
		return masked;
	}

	/** JSON is masked as a value, but for the strings that are parts of a text. What is no JSON is a part of the one text that there is. @param between what stands between two parts of that */
	private readData(text: string, between = ""): { readonly slots: readonly Slot[]; write(filled: readonly string[]): string } {
		const json = parseAnswer(text, false, this.masks.byPlace);
		if (json === undefined) {
			const slots = text === "" ? [] : [{ path: [], raw: text + between, text: "" }];
			return { slots, write: ([masked = ""]) => (masked.endsWith(between) ? masked.slice(0, masked.length - between.length) : masked) };
		}
		const candidates = takeSlots(json.value);
		let masked = this.masks.mask.mask(json.value, this.keys);
		const left = new Set([...(candidates.length > 0 ? standInsIn(masked.value) : [])].filter((nth) => nth < candidates.length));
		// One whose place or name says that it is masked is masked there, from what it was.
		if (left.size < candidates.length) {
			for (const [nth, { path, raw }] of candidates.entries()) if (!left.has(nth)) put(json.value, path, raw);
			masked = this.masks.mask.mask(json.value, this.keys);
		}
		const { value, findings } = masked;
		for (const { detector, path, count } of findings) this.count(detector, count, path);
		const nths = [...left];
		const slots = nths.flatMap((nth) => candidates[nth] ?? []);
		const isSame = findings.length === 0 && json.exact && slots.length === candidates.length;
		return {
			slots,
			write: (filled) => {
				if (isSame && slots.every(({ raw }, slot) => filled[slot] === raw)) return text;
				const by = new Map(nths.map((nth, slot) => [nth, filled[slot] ?? ""]));
				return JSON.stringify(fillStandIns(value, (nth) => by.get(nth)));
			},
		};
	}
}

/** Takes the strings that are parts of texts out of a value: a stand-in is there for each. What a name makes something else stays. */
function takeSlots(value: JsonValue): Slot[] {
	const slots: Slot[] = [];
	const walk = (inner: JsonValue, path: readonly Key[], name: string, hints: number): void => {
		if (typeof inner !== "object" || inner === null || path.length > depthMax) return;
		if (Array.isArray(inner)) {
			for (const [index, item] of inner.entries()) walk(item, [...path, index], `${name}/${index}`, hints);
			return;
		}
		const here = name + indexesOf(inner);
		for (const [member, child] of Object.entries(inner)) {
			if (typeof child !== "string") walk(child, [...path, member], `${here}/${member}`, hintsWithin(hintsOf(member), hints));
			else if (child !== "" && joinedNames.has(member) && (hints & inheritedHints) === 0 && !(member === "content" && isNamed(inner))) {
				inner[member] = standIn(slots.length);
				slots.push({ path: [...path, member], raw: child, text: `${here}/${member}` });
			}
		}
	};
	walk(value, [], "", 0);
	return slots;
}

/** `{ name: "DB_PASSWORD", content: "…" }`: what it is called says what its content is. */
function isNamed({ name, Name, key, Key, id, field, header }: JsonObject): boolean {
	const told = name ?? Name ?? key ?? Key ?? id ?? field ?? header;
	return typeof told === "string" && hintsOf(told) !== 0;
}

/** Numbers that tell texts of one shape apart: `index` of a choice, `output_index` and `content_index` of a part. */
function indexesOf(value: JsonObject): string {
	const indexes = Object.entries(value).filter(([member, child]) => /(?:^|_)index$/.test(member) && typeof child === "number");
	return indexes.map(([member, child]) => `[${member}=${child}]`).join("");
}

function put(value: JsonValue, path: readonly Key[], text: string): void {
	let holder = value as Record<Key, JsonValue>;
	for (const key of path.slice(0, -1)) holder = holder[key] as Record<Key, JsonValue>;
	holder[path.at(-1) ?? ""] = text;
}
