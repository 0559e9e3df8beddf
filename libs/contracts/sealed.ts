// Arguments and results that only their readers can open: compact JWE (RFC 7516) under keys of the pool's, each bound to one call and one direction.
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import type { Answer, AnswerPiece } from "./answer.ts";
import { ExpectedError } from "./expected-error.ts";
import type { JsonObject } from "./json.ts";

/** One pool's sealing key: 256 random bits. Ingress and policy hold every pool's, an executor its own pool's. */
export interface SealingKey {
	readonly id: string;
	readonly secret: KeyObject;
}

/** What is sealed on the way to the function. */
export interface SealedArguments {
	readonly arguments: JsonObject;
	readonly salt: string;
	/** Headers the connection lets pass; lower-case names. */
	readonly headers: readonly (readonly [string, string])[];
	/** Passed on to functions that are declared idempotent. */
	readonly idempotencyKey?: string;
}

/** What is sealed on the way to the function, and its answer on the way back, already masked. */
interface Kinds {
	arguments: SealedArguments;
	result: Answer;
	piece: AnswerPiece;
	state: AskedState;
	reply: AskedReply;
	task: TaskState;
}

/** What is kept of a task whose function may ask its caller: the call that it began with, and what was answered of what is asked now. */
export interface TaskState {
	readonly arguments: JsonObject;
	readonly answers: JsonObject;
	/** With which the answers go back. Absent before there is one. */
	readonly requestState?: string;
}

/** What a client comes back with whom a function asked something: whose it is, what was asked, and what the function wants to be told again. */
export interface AskedState {
	readonly caller: { readonly issuer: string; readonly subject: string };
	readonly connection: string;
	readonly function: string;
	readonly asked: Readonly<Record<string, string>>;
	readonly state?: string;
	/** RFC 3339. */
	readonly until: string;
}

/** What a client answered that was asked in the middle of its request, until the replica that asked has it. */
export interface AskedReply {
	readonly question: string;
	/** Absent where it did not answer what was asked. */
	readonly result?: JsonObject;
}

/** The seal is broken, of another call, or of a key that is not held. Never says more: the content is secret. */
export class SealBroken extends ExpectedError {
	constructor(why: string) {
		super(`a sealed value cannot be opened: ${why}`);
	}
}

/** As much as the key that is derived from it: two processes never share one. */
const saltBytes = 32;
const saltPattern = /^[\w-]{43}$/;
/** RFC 7518 section 5.3: a nonce of 96 bits, a tag of 128. */
const nonceBytes = 12;
const tagBytes = 16;
/** `header..nonce.ciphertext.tag`: of a direct key (`alg: dir`) the second part is empty. */
const sealPattern = /^[\w-]+\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/;
/** Random nonces under one key collide with a chance of 2^-49 by then; NIST SP 800-38D section 8.3 allows 2^32. */
const sealsMax = 2 ** 24;
const derivedMsMax = 3_600_000;
/** Keys of other processes that were derived already: each process makes one an hour. */
const openersMax = 1_024;

/** A content key of this process's own, and how much it was used. */
interface Derived {
	readonly salt: string;
	readonly key: KeyObject;
	readonly untilMs: number;
	seals: number;
}

/** The public part of a seal, all of it authenticated. */
interface Header {
	readonly alg?: unknown;
	readonly enc?: unknown;
	readonly kid?: unknown;
	readonly salt?: unknown;
	readonly typ?: unknown;
	readonly call?: unknown;
	readonly crit?: unknown;
	readonly zip?: unknown;
}

/**
 * The sealing keys a process holds, by pool: the first of a pool seals, all of them open, so that a key can be replaced without a pause.
 *
 * A seal is a compact JWE (`dir`, `A256GCM`) that any JOSE library opens with the content key. That key is derived from the pool's and a salt
 * (HKDF-SHA-256, RFC 5869), which stands in the header; each process has one of its own for at most an hour, with a random nonce a seal. A
 * counter would be cheaper and would repeat in a process that is resumed from a snapshot. Made in the main thread by `node:crypto`, as
 * docs/decisions/seals-in-the-main-thread.md says.
 */
export class SealingKeys {
	private readonly byPool: ReadonlyMap<string, readonly SealingKey[]>;
	private readonly elapsedMs: () => number;
	private readonly derived = new Map<SealingKey, Derived>();
	private readonly openers = new Map<string, KeyObject>();

	constructor(byPool: ReadonlyMap<string, readonly SealingKey[]>, elapsedMs: () => number = () => performance.now()) {
		this.byPool = byPool;
		this.elapsedMs = elapsedMs;
	}

	pools(): string[] {
		return [...this.byPool.keys()];
	}

	/** @throws {SealBroken} without a key of the pool. */
	seal<Kind extends keyof Kinds>(pool: string, call: string, kind: Kind, value: Kinds[Kind]): string {
		return this.sealText(pool, call, kind, JSON.stringify(value));
	}

	/** As {@link seal}, of a value whose JSON text is known. */
	sealText(pool: string, call: string, kind: keyof Kinds, text: string): string {
		const key = this.byPool.get(pool)?.[0];
		if (!key) throw new SealBroken(`no sealing key of pool ${pool} is held`);
		const { salt, key: contentKey } = this.derivedFrom(key);
		const nonce = randomBytes(nonceBytes);
		const header = encoded(JSON.stringify({ alg: "dir", enc: "A256GCM", kid: key.id, salt, typ: `callgate-${kind}`, call }));
		const cipher = createCipheriv("aes-256-gcm", contentKey, nonce, { authTagLength: tagBytes });
		cipher.setAAD(Buffer.from(header, "ascii"));
		const sealed = cipher.update(text, "utf8", "base64url") + cipher.final("base64url");
		return `${header}..${nonce.toString("base64url")}.${sealed}.${cipher.getAuthTag().toString("base64url")}`;
	}

	/** @throws {SealBroken} */
	open<Kind extends keyof Kinds>(pool: string, call: string, kind: Kind, token: string): Kinds[Kind] {
		const text = this.openText(pool, call, kind, token);
		try {
			return JSON.parse(text) as Kinds[Kind];
		} catch {
			// The parser's own error quotes what it read.
			throw new SealBroken("what it holds is not JSON");
		}
	}

	/** As {@link open}: the JSON text, for whoever has it read elsewhere. @throws {SealBroken} */
	openText(pool: string, call: string, kind: keyof Kinds, token: string): string {
		if (!sealPattern.test(token)) throw new SealBroken("it was changed or is no seal");
		const [head = "", , nonce = "", sealed = "", tag = ""] = token.split(".");
		const header = headerOf(head);
		const text = decrypted(this.openerOf(pool, header), head, { nonce, sealed, tag });
		if (header.typ !== `callgate-${kind}` || header.call !== call) throw new SealBroken("it belongs to another call or direction");
		return text;
	}

	/** HMAC-SHA-256 of `text` under the pool's oldest key, in hexadecimal: the same for as long as that key is held. Undefined without a key. */
	mac(pool: string, text: string): string | undefined {
		const key = this.byPool.get(pool)?.at(-1);
		return key && createHmac("sha256", key.secret).update(text).digest("hex");
	}

	private derivedFrom(key: SealingKey): Derived {
		const known = this.derived.get(key);
		if (known && known.seals < sealsMax && this.elapsedMs() < known.untilMs) {
			known.seals++;
			return known;
		}
		const salt = randomBytes(saltBytes);
		const untilMs = this.elapsedMs() + derivedMsMax;
		const derived: Derived = { salt: salt.toString("base64url"), key: contentKeyOf(key, salt), untilMs, seals: 1 };
		this.derived.set(key, derived);
		return derived;
	}

	private openerOf(pool: string, { alg, enc, kid, salt, crit, zip }: Header): KeyObject {
		if (alg !== "dir" || enc !== "A256GCM" || crit !== undefined || zip !== undefined) throw new SealBroken("it was changed or is no seal");
		const key = this.byPool.get(pool)?.find(({ id }) => id === kid);
		if (!key) throw new SealBroken(`no such sealing key of pool ${pool} is held`);
		if (typeof salt !== "string" || !saltPattern.test(salt)) throw new SealBroken("it has no salt");
		const name = `${pool} ${key.id} ${salt}`;
		const known = this.openers.get(name);
		if (known) return known;
		const opener = contentKeyOf(key, Buffer.from(salt, "base64url"));
		this.openers.set(name, opener);
		for (const oldest of this.openers.keys()) {
			if (this.openers.size <= openersMax) break;
			this.openers.delete(oldest);
		}
		return opener;
	}
}

/** As a KeyObject: from raw bytes Node prepares a key anew for each use, which costs more than the cipher. */
function contentKeyOf({ secret }: SealingKey, salt: Uint8Array): KeyObject {
	return createSecretKey(new Uint8Array(hkdfSync("sha256", secret, salt, "callgate/sealed", 32)));
}

function headerOf(head: string): Header {
	try {
		return (JSON.parse(Buffer.from(head, "base64url").toString()) as Header | null) ?? {};
	} catch {
		throw new SealBroken("it was changed or is no seal");
	}
}

interface Ciphertext {
	readonly nonce: string;
	readonly sealed: string;
	readonly tag: string;
}

function decrypted(key: KeyObject, head: string, { nonce, sealed, tag }: Ciphertext): string {
	try {
		const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64url"), { authTagLength: tagBytes });
		decipher.setAAD(Buffer.from(head, "ascii"));
		decipher.setAuthTag(Buffer.from(tag, "base64url"));
		return decipher.update(sealed, "base64url", "utf8") + decipher.final("utf8");
	} catch {
		throw new SealBroken("it was changed or is no seal");
	}
}

function encoded(text: string): string {
	return Buffer.from(text).toString("base64url");
}
