// An answer's body, whole and readable, never larger than its bound: collected as it arrives, decompressed when the function insists.
import { promisify } from "node:util";
import { brotliDecompress, constants, gunzip, inflate, inflateRaw, zstdDecompress } from "node:zlib";
import { DialError } from "../dial-error.ts";
import type { HeaderField } from "./outbound-headers.ts";

/**
 * Collects chunks into one buffer that grows by doubling. A list of chunks would cost an object each, and a peer that drips single bytes
 * could make the list many times larger than the body it may send.
 */
export class BodyCollector {
	readonly #bytesMax: number;
	#buffer: Buffer = Buffer.alloc(0);
	#length = 0;

	constructor(bytesMax: number) {
		this.#bytesMax = bytesMax;
	}

	/** Adds a chunk; `false` when the bound would be broken, and then nothing was added. */
	add(chunk: Uint8Array): boolean {
		const length = this.#length + chunk.byteLength;
		if (length > this.#bytesMax) return false;
		if (length > this.#buffer.byteLength) {
			const grown = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(length, this.#buffer.byteLength * 2, 4096)));
			this.#buffer.copy(grown, 0, 0, this.#length);
			this.#buffer = grown;
		}
		this.#buffer.set(chunk, this.#length);
		this.#length = length;
		return true;
	}

	/** The bytes so far. */
	bytes(): Uint8Array {
		return this.#buffer.subarray(0, this.#length);
	}
}

type Decompress = (body: Uint8Array, bytesMax: number) => Promise<Buffer>;

/** Window bound of RFC 9659 (8 MiB): a frame may ask its reader to set aside far more. */
const ZSTD_WINDOW_LOG_MAX = 23;

const unzip = promisify(gunzip);
const unbrotli = promisify(brotliDecompress);
const unzstd = promisify(zstdDecompress);
const unzlib = promisify(inflate);
const unraw = promisify(inflateRaw);

const gzip: Decompress = (body, bytesMax) => unzip(body, { maxOutputLength: bytesMax });

const DECODERS: ReadonlyMap<string, Decompress> = new Map<string, Decompress>([
	["gzip", gzip],
	["x-gzip", gzip],
	["br", (body, bytesMax) => unbrotli(body, { maxOutputLength: bytesMax })],
	[
		"zstd",
		(body, bytesMax) => unzstd(body, { maxOutputLength: bytesMax, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } }),
	],
	// "deflate" is zlib (RFC 9110 section 8.4.1.2), but servers that send it raw exist; the zlib header tells which.
	["deflate", (body, bytesMax) => (((body[0] ?? 0) & 0x0f) === 8 ? unzlib : unraw)(body, { maxOutputLength: bytesMax })],
]);

/**
 * The body as the function meant it. We ask for `identity`; an answer that is compressed all the same is decompressed, because masking must
 * never see bytes it cannot read. `content-encoding` and `content-length` are taken from the headers: they no longer hold. Of an answer that
 * has no body because it only tells of one (`bodiless`: to HEAD, or 304), the length that it tells stays.
 * @param bytesMax bound of the decompressed body
 * @throws DialError `body_too_large`; `protocol_error` for an unknown or stacked coding or a body that is not what its coding says
 */
export const decodeBody = async (
	answer: { status: number; headers: readonly HeaderField[]; body: Uint8Array; bodiless: boolean },
	bytesMax: number,
): Promise<{ headers: HeaderField[]; body: Uint8Array }> => {
	const at = { sent: true, answered: { http: { status: answer.status } } };
	const codings = answer.headers
		.filter(([name]) => name === "content-encoding")
		.flatMap(([, value]) => value.split(","))
		.map((coding) => coding.trim().toLowerCase())
		.filter((coding) => coding !== "" && coding !== "identity");
	const [coding, ...more] = codings;
	const keepsLength = answer.bodiless && coding === undefined;
	const headers = answer.headers.filter(([name]) => name !== "content-encoding" && (name !== "content-length" || keepsLength));
	if (coding === undefined || answer.body.byteLength === 0) return { headers, body: answer.body };
	const decode = DECODERS.get(coding);
	if (decode === undefined || more.length > 0) throw new DialError("protocol_error", "the answer's content coding is not supported", at);
	try {
		return { headers, body: await decode(answer.body, bytesMax) };
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
			throw new DialError("body_too_large", "the decompressed body is over the bound", at);
		}
		throw new DialError("protocol_error", "the body is not what its content coding says", at);
	}
};
