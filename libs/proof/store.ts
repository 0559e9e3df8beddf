// Where the record's tree is kept, outside OpenSearch and NATS: files or S3-compatible storage. What it promises.

/** The storage cannot take or give anything now, and may later. The message holds names and codes only. */
export class StoreUnavailable extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "StoreUnavailable";
	}
}

/** Objects by name: path elements of letters, digits, dots and hyphens, with `/` between them. Every method throws {@link StoreUnavailable}. */
export interface ProofStore {
	/** Stores an object only if there is none of this name, whole or not at all. Exactly one of several writers at once is told `true`. Durable then. */
	create(name: string, bytes: Uint8Array): Promise<boolean>;
	/** Stores an object in place of one that may be there. Readers see the old one or the new one. Durable when it resolves. */
	put(name: string, bytes: Uint8Array): Promise<void>;
	get(name: string): Promise<Buffer | undefined>;
	/** Removes an object; one that is not there is fine. */
	remove(name: string): Promise<void>;
}

const objectName = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/;

/** @throws {RangeError} for a name that would lead elsewhere. */
export function checkObjectName(name: string): string {
	if (!objectName.test(name)) throw new RangeError(`an object cannot have the name ${JSON.stringify(name)}`);
	return name;
}
