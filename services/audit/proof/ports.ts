// What the writer of the record's tree tells of itself, and the one thing that it cannot mend.
import { ExpectedError } from "#libs/contracts/expected-error.ts";

/** What is stored of the tree contradicts itself or what is known of it: nothing is added to it until a person has looked. Names and numbers only. */
export class ProofBroken extends ExpectedError {}

export interface ProofLog {
	/** This process writes the tree from now on. */
	began(about: { readonly size: number; readonly checkpoint: number }): void;
	/** It no longer does, or cannot now: it tries again. */
	ended(about: { readonly error: unknown }): void;
	/** The stream had nothing any more at these positions. */
	missing(about: { readonly from: number; readonly to: number }): void;
}

export interface ProofMetrics {
	/** A checkpoint is durable. */
	signed(about: { readonly events: number; readonly size: number }): void;
	failed(): void;
	isWriter(is: boolean): void;
}

export interface WitnessLog {
	witnessed(about: { readonly witness: string; readonly size: number }): void;
	/** @param about without a witness where none was asked, because the storage could not be read */
	refused(about: { readonly witness?: string; readonly error: unknown }): void;
}

export interface WitnessMetrics {
	witnessed(witness: string): void;
	refused(witness: string): void;
}
