// What is wrong with a configuration and where: the one shape in which every part of the compiler says so.

/** A mistake in a file of the configuration folder. `line` and `column` count from 1; the message says what was found and what was expected. */
export type ConfigurationError = { readonly file: string; readonly line: number; readonly column: number; readonly message: string };

/** Leads to a member of a document: names of mappings, indexes of lists. */
export type DocumentPath = readonly (string | number)[];

/** A mistake inside one document. */
export type Fault = {
	readonly path: DocumentPath;
	/** Points at the member's name rather than its value. */
	readonly atKey?: boolean;
	/** UTF-16 code units into the text at `path`. */
	readonly offset?: number;
	readonly message: string;
	/** The member that a misspelt one was probably meant to be. */
	readonly meant?: string;
};

/** `bank.yaml:3:5: found …` */
export function formatConfigurationError({ file, line, column, message }: ConfigurationError): string {
	return `${file}:${line}:${column}: ${message}`;
}

/** What people read where a folder is refused: a line for each mistake, then what that means. */
export function refusalLines(errors: readonly ConfigurationError[]): { readonly mistakes: string[]; readonly verdict: string } {
	const many = errors.length === 1 ? "one mistake" : `${errors.length} mistakes`;
	return {
		mistakes: errors.map(formatConfigurationError),
		verdict: `The configuration has ${many}. A configuration is activated whole or not at all.`,
	};
}

/** By file, line and column: the order in which someone reads them. */
export function compareErrors(one: ConfigurationError, other: ConfigurationError): number {
	if (one.file !== other.file) return one.file < other.file ? -1 : 1;
	return one.line - other.line || one.column - other.column || (one.message < other.message ? -1 : 1);
}
