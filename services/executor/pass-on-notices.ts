// What a function says while it works on a call goes on to the caller at once: each notice masked, sealed, numbered and durable, as a piece of an answer is.
import type { Position } from "#libs/bus/bus.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { type Finding, Findings } from "#libs/masking/findings.ts";
import { MaskingError } from "#libs/masking/masking-error.ts";
import { type PassedOn, Pieces } from "./pass-on-pieces.ts";
import type { ExecutorPorts, Notice } from "./ports.ts";
import type { Granted, PreparedCall } from "./prepare-call.ts";

/** Of one call. What is beyond the bounds is not passed on: it is no part of the answer, and a caller who is told of a thousand steps is told. */
const noticesMax = 1_000;
const noticesCharsMax = 256 * 1024;

/** The notices of one call. */
export class Notices {
	private readonly pieces: Pieces;
	private readonly prepared: Pick<PreparedCall, "masks" | "keys">;
	private readonly found = new Findings();
	private count = 0;
	private chars = 0;

	constructor(ports: ExecutorPorts, granted: Granted, prepared: Pick<PreparedCall, "masks" | "keys">, claim: Position) {
		// Nothing is lost where the stream is away: the ending waits for it, too.
		const untilMs = Number.POSITIVE_INFINITY;
		this.pieces = new Pieces({ ports, granted, untilMs, failed: () => undefined }, claim);
		this.prepared = prepared;
	}

	/** Never throws: one that cannot be masked stays here, and what cannot be stored is told at the end. */
	add({ method, params }: Notice): void {
		if (this.count >= noticesMax) return;
		const masked = this.masked(params);
		if (!masked) return;
		const line = `${JSON.stringify({ method, params: masked.value })}\n`;
		if (this.chars + line.length > noticesCharsMax) return;
		this.count++;
		this.chars += line.length;
		for (const { detector, count } of masked.findings) {
			this.found.at(["notices"]);
			this.found.add(detector, count);
		}
		// Whether it could be stored is told by the last of them.
		this.pieces.add(line).catch(() => undefined);
	}

	/**
	 * Resolves when all of them are durable.
	 *
	 * @throws {ClaimLost}
	 */
	async finish(): Promise<Pick<PassedOn, "position" | "streamed"> & { readonly findings: readonly Finding[] }> {
		await this.pieces.finish();
		const streamed = this.pieces.streamed();
		return { position: this.pieces.position, ...(streamed && { streamed }), findings: this.found.list() };
	}

	private masked(params: JsonObject) {
		const { masks, keys } = this.prepared;
		try {
			return masks.mask.mask(params, keys);
		} catch (error) {
			if (error instanceof MaskingError) return undefined;
			throw error;
		}
	}
}
