// Verifies one call's proof (docs/proof.md) with nothing but the browser's own SHA-256 and Ed25519. It asks no server, and trusts none.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
const equal = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

export class NotVerified extends Error {}

/**
 * @param proof a call's proof, parsed
 * @param keys public keys of the record, as `callgate audit key` prints them: `name+id+key`
 * @returns the events as they were signed, and over how many records which key signed
 * @throws {NotVerified} with what is wrong
 */
export async function verifyProof(proof, keys) {
	const { origin, size, root, by } = await openCheckpoint(proof.checkpoint, keys.map(readKey));
	const events = [];
	for (const { index, entry, event, proof: hashes } of proof.events) {
		const [kind, position, item, , digest] = entry.split(" ");
		const where = `position ${position}, item ${item}`;
		if (kind !== "event" || typeof event !== "string") throw new NotVerified(`record ${index} is no event`);
		if (hex(await sha256(utf8(event))) !== digest) throw new NotVerified(`the event at ${where} is not the one that was recorded`);
		const signed = JSON.parse(event);
		if (signed.subject !== proof.call) throw new NotVerified(`the event at ${where} is about another call`);
		const leaf = await sha256(new Uint8Array([0]), utf8(entry));
		if (!equal(await rootFrom(leaf, index, size, hashes.map(bytesOf)), root))
			throw new NotVerified(`the event at ${where} is not in the tree that was signed`);
		events.push({ ...signed, position: Number(position), item: Number(item) });
	}
	return { events, origin, size, by };
}

/** `name+id+key`: eight hexadecimal digits, and in base64 a byte for Ed25519 before the key. */
function readKey(text) {
	const [, name, id, encoded] = /^(\S+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
	const bytes = encoded === undefined ? [] : bytesOf(encoded);
	if (bytes.length !== 33 || bytes[0] !== 1) throw new NotVerified("a key is not in the form of one");
	return { text, name, id, key: bytes.slice(1) };
}

/** A signed note (C2SP signed-note) with a checkpoint in it (C2SP tlog-checkpoint). */
async function openCheckpoint(note, keys) {
	const end = note.lastIndexOf("\n\n");
	const text = note.slice(0, end + 1);
	const [origin, size, root] = text.split("\n");
	for (const line of note.slice(end + 2).split("\n")) {
		const [, name, encoded] = /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
		if (encoded === undefined) continue;
		const bytes = bytesOf(encoded);
		const known = keys.find((key) => key.name === name && key.name === origin && key.id === hex(bytes.slice(0, 4)));
		if (!known) continue;
		const key = await crypto.subtle.importKey("raw", known.key, "Ed25519", false, ["verify"]);
		if (!(await crypto.subtle.verify("Ed25519", key, bytes.slice(4), utf8(text))))
			throw new NotVerified("the checkpoint's signature is wrong");
		return { origin, size: Number(size), root: bytesOf(root), by: known.text };
	}
	throw new NotVerified("the checkpoint is signed by none of the keys");
}

/** RFC 9162 section 2.1.3.2. */
async function rootFrom(leaf, index, size, hashes) {
	if (!(index < size)) return leaf;
	let [node, first, last] = [leaf, index, size - 1];
	for (const hash of hashes) {
		if (last === 0) return new Uint8Array();
		if (first % 2 === 1 || first === last) {
			node = await sha256(new Uint8Array([1]), hash, node);
			while (first % 2 === 0 && first !== 0) [first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
		} else node = await sha256(new Uint8Array([1]), node, hash);
		[first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
	}
	return last === 0 ? node : new Uint8Array();
}

/**
 * Whether what is shown is part of what was signed: each of its members there, with the same value. What only its reader may open is not shown, and
 * a view that is no object is shown as the `value` of one.
 */
export function isPartOf(shown, signed) {
	if (Array.isArray(shown))
		return Array.isArray(signed) && shown.length === signed.length && shown.every((one, at) => isPartOf(one, signed[at]));
	if (typeof shown !== "object" || shown === null) return shown === signed;
	if (typeof signed !== "object" || signed === null || Array.isArray(signed)) return isPartOf(shown.value, signed);
	return Object.entries(shown).every(([name, value]) => Object.hasOwn(signed, name) && isPartOf(value, signed[name]));
}
