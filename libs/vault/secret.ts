// A secret's value in a wrapper that says nothing by accident.
import { inspect } from "node:util";

const SHOWN = "[secret]";

/**
 * Holds a secret's value. Printing, joining, serialising or inspecting it shows `[secret]`; only {@link reveal} gives the value, so a reader
 * of the code finds every place that uses one.
 */
export class Secret {
	readonly #value: string;

	constructor(value: string) {
		this.#value = value;
	}

	/** The value itself. The caller answers for where it goes. */
	reveal(): string {
		return this.#value;
	}

	toString(): string {
		return SHOWN;
	}

	toJSON(): string {
		return SHOWN;
	}

	[Symbol.toPrimitive](): string {
		return SHOWN;
	}

	[inspect.custom](): string {
		return SHOWN;
	}
}
