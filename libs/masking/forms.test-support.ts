// Ways in which a text may be written within another, and a sensitive text for each detector.

/** A way to write a text down, and how its reader reads it again. */
export interface Form {
	readonly name: string;
	readonly write: (text: string) => string;
	readonly read: (written: string) => string;
}

const entities: readonly (readonly [string, string])[] = [
	["&", "&amp;"],
	["<", "&lt;"],
	[">", "&gt;"],
	['"', "&quot;"],
	["@", "&#64;"],
];

/** RFC 2045 section 6.7: what is no printable ASCII, the equals sign, and lines of at most 76 characters. */
function quotedPrintable(text: string): string {
	const bytes = [...Buffer.from(`note=3D ${text} .`.replace("=3D", "="))];
	const written = bytes.map((byte) =>
		byte === 0x3d || byte < 0x20 || byte > 0x7e ? `=${byte.toString(16).toUpperCase().padStart(2, "0")}` : String.fromCharCode(byte),
	);
	let line = 0;
	return written
		.map((character) => {
			line += character.length;
			if (line <= 75) return character;
			line = character.length;
			return `=\r\n${character}`;
		})
		.join("");
}

function fromQuotedPrintable(written: string): string {
	const bytes = written.replace(/=\r\n/g, "").replace(/=([\dA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
	// What a mark has is no byte: it is put as it is.
	const isBytes = [...bytes].every((character) => character <= "\xff");
	const text = isBytes ? Buffer.from(bytes, "latin1").toString() : bytes;
	return /^note= (.*) \.$/s.exec(text)?.[1] ?? "";
}

export const forms: readonly Form[] = [
	{ name: "JSON", write: (text) => JSON.stringify({ id: 1, note: text }), read: (written) => JSON.parse(written).note },
	{
		name: "JSON with escaped signs",
		write: (text) => JSON.stringify([text]).replace(/[@+:-]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`),
		read: (written) => JSON.parse(written)[0],
	},
	{
		name: "a form",
		write: (text) => `a=1&note=${encodeURIComponent(text)}&b=2`,
		read: (written) => new URLSearchParams(written).get("note") ?? "",
	},
	{
		name: "a form with pluses",
		write: (text) => new URLSearchParams({ note: text }).toString(),
		read: (written) => new URLSearchParams(written).get("note") ?? "",
	},
	{
		name: "a URL",
		write: (text) => `https://x.example/?q=${encodeURIComponent(text)}#top`,
		read: (written) => new URL(written).searchParams.get("q") ?? "",
	},
	{
		name: "XML",
		write: (text) => `<r><note>${entities.reduce((all, [sign, entity]) => all.replaceAll(sign, entity), text)}</note></r>`,
		read: (written) =>
			entities
				.toReversed()
				.reduce((all, [sign, entity]) => all.replaceAll(entity, sign), /^<r><note>(.*)<\/note><\/r>$/s.exec(written)?.[1] ?? ""),
	},
	{
		name: "a table",
		write: (text) => `id,note\n1,"${text.replaceAll('"', '""')}"\n2,x`,
		read: (written) => (/^id,note\n1,"(.*)"\n2,x$/s.exec(written)?.[1] ?? "").replaceAll('""', '"'),
	},
	{
		name: "base64",
		write: (text) => `data:text/plain;base64,${Buffer.from(text).toString("base64")}`,
		read: (written) => Buffer.from(written.slice("data:text/plain;base64,".length), "base64").toString(),
	},
	{
		name: "base64 in a sentence",
		write: (text) => `the note is ${Buffer.from(text).toString("base64")} as it came`,
		read: (written) => Buffer.from(/^the note is (\S+) as it came$/.exec(written)?.[1] ?? "", "base64").toString(),
	},
	{
		name: "base64url in a path",
		write: (text) => `GET https://x.example/v1/notes/${Buffer.from(text).toString("base64url")}/lines?page=2`,
		read: (written) => Buffer.from(/\/notes\/([\w%-]+)\/lines\?page=2$/.exec(written)?.[1] ?? "", "base64url").toString(),
	},
	{
		name: "base64 in lines",
		write: (text) =>
			`Dear all,\n\n${(
				Buffer.from(text)
					.toString("base64")
					.match(/.{1,64}/g) ?? []
			).join("\n")}\n\nJamie`,
		read: (written) => Buffer.from(/^Dear all,\n\n(.*)\n\nJamie$/s.exec(written)?.[1] ?? "", "base64").toString(),
	},
	{
		name: "base64 of UTF-16",
		write: (text) => `powershell -enc ${Buffer.from(text, "utf16le").toString("base64")} -wait`,
		read: (written) => Buffer.from(/-enc (\S+) -wait$/.exec(written)?.[1] ?? "", "base64").toString("utf16le"),
	},
	{ name: "quoted-printable", write: quotedPrintable, read: fromQuotedPrintable },
	{
		name: "lines of JSON",
		write: (text) => `{"a":1}\n${JSON.stringify({ note: text })}\n`,
		read: (written) => JSON.parse(written.split("\n")[1] ?? "").note,
	},
	{
		name: "YAML",
		write: (text) => `a: 1\nnote: ${JSON.stringify(text)}\n`,
		read: (written) => JSON.parse(/note: (.*)\n/.exec(written)?.[1] ?? ""),
	},
];

/** Of hexadecimal digits some look like a number of something: only what is said in them is kept, not what is encoded in that. */
export const innermost: readonly Form[] = [
	...forms,
	{
		name: "hexadecimal digits",
		write: (text) => `INSERT INTO notes VALUES (7, x'${Buffer.from(text).toString("hex")}');`,
		read: (written) => Buffer.from(/x'([\da-f]+)'\);$/.exec(written)?.[1] ?? "", "hex").toString(),
	},
];

/** A sensitive text of each detector, with what of it nobody may read afterwards. */
export const planted: readonly (readonly [text: string, secret: string])[] = [
	["4242 4242 4242 4242", "4242 4242 4242 4242"],
	["4000056655665556", "400005665566"],
	["jamie.okafor@private.example", "okafor"],
	["DE89370400440532013000", "3704004405"],
	["078-05-1120", "078-05"],
	["81.2.69.142", "81.2.69"],
	["00:1A:2B:3C:4D:5E", "1A:2B"],
	["+1 415 555 0132", "415 555 0132"],
	["born on 1984-03-12", "1984"],
	["passport number C01X00T47", "C01X00T47"],
	["bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "qar0srrr"],
	[`gh${"p_"}abcdefghijklmnopqrstuvwxyz0123456789`, "abcdefghijkl"],
	["eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLCJleHAiOjEzMDA4MTkzODB9.c2lnbmF0dXJl", "eyJpc3Mi"],
	["postgres://app:hunter2xyz@db.internal/main", "hunter2xyz"],
	['password: "correct horse battery"', "horse"],
	["Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789"],
];
