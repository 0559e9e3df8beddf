// `callgate audit export`, `verify`, `prove` and `key`: the record proven without any server. Verifying needs an export and the public key, nothing else.
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { cosignaturesOf } from "#libs/merkle/cosignature.ts";
import { keyText, type NoteKey, noteSigner, readKeyText } from "#libs/merkle/signed-note.ts";
import { entriesPath, tilePath, tileWidth } from "#libs/merkle/tile-path.ts";
import { exportRecord, type LeafLine } from "#libs/proof/export-record.ts";
import { openStore } from "#libs/proof/open-store.ts";
import { type CallProof, CallProver, findFaultInProof } from "#libs/proof/prove-call.ts";
import { SegmentMalformed, segmentPath } from "#libs/proof/segment.ts";
import { type ProofStore, StoreUnavailable } from "#libs/proof/store.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { type Finding, RecordVerifier, type Verified } from "#libs/proof/verify-record.ts";
import { callIdOf } from "./api-client.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { safeLine } from "./terminal-text.ts";

/** What an export is held against. */
interface Trusted {
	readonly key: readonly NoteKey[];
	readonly checkpoint?: readonly string[];
	readonly witness?: readonly NoteKey[];
	readonly maxAge?: number;
	readonly tiles?: ProofStore | undefined;
}

interface VerifyOptions extends Omit<Trusted, "tiles"> {
	readonly store?: string;
	readonly json?: true;
}

/** Makes the commands of `callgate audit` what they are. Actions reject with {@link CommandFailed}. */
export function registerProving(commands: Readonly<Record<"export" | "verify" | "prove" | "key", Command>>, io: Io): void {
	commands.export
		.description("Write the record, events' own bytes and checkpoints, into a file of JSON lines")
		.requiredOption("--store <place>", "where the record's tree is: a folder, or what audit has as CALLGATE_PROOF_STORE")
		.requiredOption("--output <file>", "the file to make; one that is there is not overwritten")
		.action(async ({ store, output }: { store: string; output: string }) => {
			const bytes = await writeExport(await storeAt(store, io), output);
			io.tell(`wrote ${safeLine(output)} (${bytes} bytes). Next: callgate audit verify ${safeLine(output)} --key KEY`);
		});

	trusting(commands.verify.description("Verify an export of the record, or one call's proof; name the first record that is wrong"))
		.argument("<file>", "what `audit export` or `audit prove` wrote")
		.option("--checkpoint <file>", "a checkpoint that was kept: the record must be what it signed (repeatable)", gather)
		.option("--witness <key>", "a witness' key: each --checkpoint must bear its signature too (repeatable)", gatherAs("cosignature"))
		.option("--store <place>", "the tree's tiles: they tell which record it is where only an interval is known")
		.option("--max-age <seconds>", "how old the last checkpoint may be", seconds)
		.option("--json", "print the result as JSON")
		.action(async (file: string, options: VerifyOptions) => {
			const proof = await readProof(file);
			const tiles = options.store === undefined ? undefined : await storeAt(options.store, io);
			const result = proof ? proofResult(proof, options.key) : await verifyExport(file, { ...options, tiles });
			if (options.json) io.print(JSON.stringify(result));
			else for (const line of resultLines(result)) io.print(line);
			if (result.finding) throw new CommandFailed(`not verified: ${result.finding.message}`, { shown: { fault: result.finding.fault } });
		});

	trusting(commands.prove.description("Write the proof of one call, which anyone can check, from an export"))
		.argument("<call>", "the call's id")
		.requiredOption("--export <file>", "an export that has the call")
		.requiredOption("--output <file>", "the file to make; one that is there is not overwritten")
		.action(async (call: string, { key, export: file, output }: { key: readonly NoteKey[]; export: string; output: string }) => {
			const proof = await proveFrom(callIdOf(call), file, key);
			await writeNew(output, async (write) => await write(`${JSON.stringify(proof)}\n`));
			io.tell(
				`wrote ${safeLine(output)}: ${proof.events.length} events. Anyone can check it: callgate audit verify, or docs/verify_record.py`,
			);
		});

	commands.key
		.description("Print the public keys by which verifiers know the record, from the file of the private ones")
		.requiredOption("--checkpoint-keys <file>", "what audit has as CALLGATE_CHECKPOINT_KEYS_FILE")
		.requiredOption("--origin <name>", "what audit has as CALLGATE_PROOF_ORIGIN")
		.action(async ({ checkpointKeys, origin }: { checkpointKeys: string; origin: string }) => {
			for (const key of await publicKeys(checkpointKeys, origin)) io.print(key);
		});
}

/** @throws {CommandFailed} where the export does not verify, or has nothing of the call */
async function proveFrom(call: string, file: string, key: readonly NoteKey[]): Promise<CallProof> {
	const prover = new CallProver(call);
	const { finding } = await verifyExport(file, { key }, (line) => prover.line(line));
	if (finding) throw new CommandFailed(`the export does not verify, so nothing is proven from it: ${finding.message}`);
	const proof = await prover.end();
	if (!proof) throw new CommandFailed("The export has nothing of this call. Was it made after the call's checkpoint?");
	return proof;
}

/** One call's events, from an export or its proof, verified. @throws {CommandFailed} */
export async function provenLeaves(call: string, file: string, keys: readonly NoteKey[]): Promise<readonly LeafLine[]> {
	const proof = await readProof(file);
	if (!proof) return (await proveFrom(call, file, keys)).events;
	const finding = findFaultInProof(proof, keys);
	if (finding) throw new CommandFailed(`not verified: ${finding.message}`, { shown: { fault: finding.fault } });
	if (proof.call !== call) throw new CommandFailed("The proof is of another call.");
	return proof.events;
}

function trusting(command: Command): Command {
	return command.requiredOption("--key <key>", "a public key of the record, as `callgate audit key` prints it (repeatable)", gatherKeys);
}

function gather(value: string, before: readonly string[] = []): string[] {
	return [...before, value];
}

const gatherAs =
	(type: "note" | "cosignature") =>
	(value: string, before: readonly NoteKey[] = []): NoteKey[] => {
		try {
			return [...before, readKeyText(value, type)];
		} catch (error) {
			if (error instanceof RangeError) throw new InvalidArgumentError(error.message);
			throw error;
		}
	};

export const gatherKeys = gatherAs("note");

function seconds(value: string): number {
	if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
	throw new InvalidArgumentError("expected a number of seconds, 1 or more");
}

async function publicKeys(file: string, origin: string): Promise<string[]> {
	try {
		const keys = JSON.parse(await readFile(file, "utf8")) as JsonWebKey[];
		return keys.map((key) => keyText(noteSigner(origin, createPrivateKey({ key, format: "jwk" }))));
	} catch (error) {
		// The error's text may quote the key.
		throw new CommandFailed(
			`The file ${safeLine(file)} cannot be read, or holds no list of private Ed25519 keys: expected [{"kty": "OKP", "crv": "Ed25519", …}].`,
			{ cause: error },
		);
	}
}

/** @returns bytes written */
/** A folder by its path, anything else by its address. */
async function storeAt(place: string, { environment }: Io): Promise<ProofStore> {
	if (!place.includes("://")) return createFileStore(place);
	try {
		return await openStore(place, environment);
	} catch (error) {
		if (error instanceof RangeError) throw wrongUsage(error.message);
		throw error;
	}
}

async function writeExport(store: ProofStore, output: string): Promise<number> {
	try {
		// A misspelt folder would give an export of nothing.
		if (!(await store.get(segmentPath(0))))
			throw new CommandFailed(
				"--store holds no record's tree: expected the folder or bucket of CALLGATE_PROOF_STORE, once a checkpoint was signed there.",
			);
		return await writeNew(output, async (write) => {
			for await (const lines of exportRecord(store)) await write(lines);
		});
	} catch (error) {
		if (error instanceof SegmentMalformed || error instanceof StoreUnavailable) throw new CommandFailed(error.message, { cause: error });
		throw error;
	}
}

/** Into a file that is new, and that its owner alone may read. */
async function writeNew(output: string, fill: (write: (text: string) => Promise<void>) => Promise<void>): Promise<number> {
	const file = await open(output, "wx", 0o600).catch((error: unknown) => {
		throw new CommandFailed(`The file ${safeLine(output)} cannot be made: is there one already, or no folder for it?`, { cause: error });
	});
	let bytes = 0;
	try {
		await fill(async (text) => {
			const { bytesWritten } = await file.write(text);
			bytes += bytesWritten;
		});
		await file.sync();
	} finally {
		await file.close();
	}
	return bytes;
}

/** Lines of a file, without their ends; a line is at most as long as the longest event, escaped. */
async function* linesOf(file: string): AsyncGenerator<string> {
	let rest: Buffer[] = [];
	try {
		for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
			let from = 0;
			for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
				rest.push(chunk.subarray(from, end));
				yield rest.length === 1 ? chunk.toString("utf8", from, end) : Buffer.concat(rest).toString();
				rest = [];
				from = end + 1;
			}
			if (from < chunk.length) rest.push(chunk.subarray(from));
		}
	} catch (error) {
		throw new CommandFailed(`The file ${safeLine(file)} cannot be read.`, { cause: error });
	}
	if (rest.length > 0) yield Buffer.concat(rest).toString();
}

/** @param hear told each line that was not found wrong: what it says counts only where the end holds */
export async function verifyExport(file: string, options: Trusted, hear: (line: string) => void = () => undefined): Promise<Verified> {
	const [first] = options.key;
	if (!first || options.key.some(({ name }) => name !== first.name))
		throw wrongUsage("All keys must be of one record: they bear its name.");
	const { maxAge, witness: witnesses = [], checkpoint: files = [] } = options;
	if (witnesses.length > 0 && files.length === 0)
		throw wrongUsage("--witness needs a --checkpoint that the witness signed: the object `witnessed` in the record's storage is the last.");
	const known = await Promise.all(files.map(readNoteFile));
	for (const [at, note] of known.entries()) refuseUnwitnessed(note, files[at] ?? "", witnesses);
	const verifier = new RecordVerifier({
		origin: first.name,
		keys: options.key,
		known,
		...(maxAge !== undefined && { age: { now: new Date(), maxMs: maxAge * 1_000 } }),
	});
	for await (const line of linesOf(file)) {
		if (line.trim() === "") continue;
		verifier.line(line);
		if (verifier.isOver) break;
		hear(line);
	}
	const result = verifier.end();
	if (result.finding?.fault !== "changed" || !options.tiles) return result;
	return { ...result, finding: await namedByTiles(result.finding, verifier, options.tiles) };
}

/** A witness signed what it saw, once: whoever has all keys of the record cannot make it sign another. */
function refuseUnwitnessed(note: string, file: string, witnesses: readonly NoteKey[]): void {
	const by = new Set(cosignaturesOf(note, witnesses).map((cosignature) => cosignature.by));
	const missing = witnesses.find((witness) => !by.has(witness));
	if (missing)
		throw new CommandFailed(`not verified: the checkpoint ${safeLine(file)} bears no signature of the witness ${safeLine(missing.name)}`);
}

async function readNoteFile(file: string): Promise<string> {
	try {
		return await readFile(file, "utf8");
	} catch (error) {
		throw new CommandFailed(`The checkpoint ${safeLine(file)} cannot be read.`, { cause: error });
	}
}

/** Which record it is that a checkpoint does not sign: the first whose hash is not in the tiles. Their entries say what was there. */
async function namedByTiles(finding: Finding, verifier: RecordVerifier, store: ProofStore): Promise<Finding> {
	if (finding.position !== undefined) return finding;
	const { first, hashes } = verifier.unsigned();
	for (const [at, hash] of hashes.entries()) {
		const index = first + at;
		const tile = { level: 0, index: Math.floor(index / tileWidth), width: tileWidth };
		const bytes = await store.get(tilePath(tile));
		const there = bytes?.subarray((index % tileWidth) * 32, (index % tileWidth) * 32 + 32);
		if (!there || there.equals(hash)) continue;
		const was = entryAt(await store.get(entriesPath(tile)), index % tileWidth);
		return {
			...finding,
			index,
			message: `record ${index} is not the one that was signed${was === undefined ? "" : `, which was: ${safeLine(was)}`}`,
		};
	}
	return finding;
}

function entryAt(bundle: Buffer | undefined, nth: number): string | undefined {
	let at = 0;
	for (let left = nth; bundle && at + 2 <= bundle.length; left--) {
		const end = at + 2 + bundle.readUInt16BE(at);
		if (left === 0) return bundle.toString("latin1", at + 2, end);
		at = end;
	}
	return undefined;
}

/** Undefined where the file's first line does not say that it is one. @throws {CommandFailed} */
async function readProof(file: string): Promise<CallProof | undefined> {
	for await (const line of linesOf(file)) {
		const value = parsed(line) as Partial<CallProof> | undefined;
		if (value?.callgate !== "call-proof") return undefined;
		const isProof =
			value.version === 1 && typeof value.call === "string" && typeof value.checkpoint === "string" && Array.isArray(value.events);
		if (isProof && value.events?.every(isProofLine)) return value as CallProof;
		throw new CommandFailed("not verified: the proof is not in the form of one", { shown: { fault: "malformed" } });
	}
	return undefined;
}

function parsed(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		// The verifier says of such a line what is wrong with it.
		return undefined;
	}
}

function isProofLine(line: unknown): boolean {
	const { index, entry, proof } = (line ?? {}) as Record<string, unknown>;
	return (
		Number.isSafeInteger(index) && typeof entry === "string" && Array.isArray(proof) && proof.every((hash) => typeof hash === "string")
	);
}

type ProofResult = { readonly call: string; readonly events: number; readonly finding?: Finding };

function proofResult(proof: CallProof, keys: readonly NoteKey[]): ProofResult {
	const finding = findFaultInProof(proof, keys);
	return { call: proof.call, events: proof.events.length, ...(finding && { finding }) };
}

function resultLines(result: Verified | ProofResult): string[] {
	const { finding } = result;
	if ("call" in result) return finding ? [] : [`verified: ${result.events} events of call ${safeLine(result.call)}`];
	const notices = result.notices.map(({ message }) => `note: ${safeLine(message)}`);
	const more = result.noticesTotal - result.notices.length;
	if (more > 0) notices.push(`note: and ${more} more like these`);
	if (finding) return notices;
	return [
		...notices,
		`verified: ${result.leaves} records, ${result.events} events, ${result.checkpoints} checkpoints, ${result.from} to ${result.to}`,
		`root: ${result.root}`,
	];
}
