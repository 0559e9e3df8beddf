// The errors that a process expects, marked by their class: only their messages may be told to an operator.

/**
 * The message is written here and holds names, codes and numbers, never a value, a token or a credential: it is logged. Of any other error
 * the log has name, code and place alone, for a parser quotes what it read, and a client what it was told.
 */
export class ExpectedError extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = new.target.name;
	}
}
