// Another gateway in front of the same bank, measured beside Callgate: what the command line says about it.

export interface Peer {
	/** Calls are posted here, and the peer passes them on to the bank. */
	readonly url: string;
	/** Of every call. Their values are shown nowhere. */
	readonly headers: Readonly<Record<string, string>>;
	/** Its processes, whose processor time and memory are counted. */
	readonly pids: readonly number[];
}

/** A field name and a field value (RFC 9110, sections 5.1 and 5.5). */
const header = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}):[ \t]*([\x20-\x7e]{1,8192})$/;
/** The callers say these themselves. */
const taken = ["content-type", "content-length", "transfer-encoding", "connection"];
const headersMax = 20;

/** @throws {Error} with one line about what is wrong with the URL or a header, which never repeats a header's value. */
export function peerOf(url: string | undefined, headers: readonly string[], pids: readonly number[]): Peer | undefined {
	if (url === undefined) {
		if (headers.length + pids.length > 0)
			throw new Error("--peer-header and --peer-pid say something about a peer: give its URL with --peer");
		return undefined;
	}
	const parsed = URL.canParse(url) ? new URL(url) : undefined;
	if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new Error("--peer: expected an http or https URL, to which calls are posted");
	if (parsed.username || parsed.password) throw new Error("--peer: a URL may be shown, so credentials go into --peer-header");
	if (headers.length > headersMax) throw new Error(`--peer-header: at most ${headersMax} headers`);
	return { url: parsed.href, headers: Object.fromEntries(headers.map(headerOf)), pids };
}

function headerOf(text: string, at: number): [name: string, value: string] {
	const [, name, value] = header.exec(text) ?? [];
	if (name === undefined || value === undefined) throw new Error(`--peer-header: number ${at + 1} is not NAME:VALUE in printable ASCII`);
	if (taken.includes(name.toLowerCase())) throw new Error(`--peer-header: the callers set ${name.toLowerCase()} themselves`);
	return [name.toLowerCase(), value.trimEnd()];
}
