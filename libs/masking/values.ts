// What stands beside a telling name: a secret, or what a template, a program or a person writes where one would be.

/** Templates: `<password>`, `${VAR}`, `{{ .Values.x }}`, `%(name)s`, `$(pass)`, `[hidden]`, `#{x}`, `%VAR%`, `__VAR__`. */
const template =
	/^(?:<[^<>]*>|\$\{[^}]*\}|\$?\{\{.*\}\}|\$\([^)]*\)|\[[A-Z][A-Z_ -]*\]|\[(?:redacted|hidden|removed|masked|filtered|secret|password|token|omitted|your)[^\]]*\]|#\{[^}]*\}|%\([^)]*\)s|%[A-Z][A-Z0-9_]*%|%[sdqv]|@[A-Za-z_]+@|__[A-Z_]+__|\{[A-Za-z_.]*\}|\$[A-Z_][A-Z0-9_]*|\$\$?[a-z_]+|:[a-z_]{2,}|\?)$/s;
const filler = /^(?:[xX]{3,}|[*•●·.…#_\-=?]{2,}|0{4,}|\*+|x{2,}(?:[-_ ]x+)*)$/i;
const saysItIsNone =
	/^(?:your|my|the|an?|insert|enter|replace|put|add|some|any|test|fake|dummy|sample|example|placeholder|todo|tbd|none|new|old)[-_ ](?:[a-z]+[-_ ])*(?:here|key|keys|token|password|passwd|pwd|pass|secret|value|api|id|it|this|me)$|^(?:your|insert|enter|replace|example|placeholder|redacted|removed|hidden|masked|censored)(?:[-_ ].*|me|d)?$|[-_ ](?:goes)?[-_ ]?here$|^(?:y+o+u+r+)[a-z]*(?:key|token|password|secret|here)$/i;
const noValue =
	/^(?:null|nil|none|undefined|true|false|yes|no|on|off|n\/a|na|empty|unset|default|string|str|text|number|int|integer|bool|boolean|object|array|any|void|required|optional|invalid|incorrect|missing|wrong|expired|changed|updated|reset|unknown|bearer|basic|digest|password|passwd|secret|token|key|apikey|api_key|enabled|disabled|char|bytes?|varchar|secretstr|is|are|was|must|should|can|cannot|has|have|and|or|not|for|the|a|an|to|of|in|with|ist|est|es|è|är|wird|muss|doit|debe|deve|strong|weak|stored|here|value|prompt|ask|stdin|type|input|env|inherit|include|omit|same-origin|file|todo|tbd|public)$/i;
/** A program's own words: `os.environ["X"]`, `config.get("x")`, `getpass()`, `var.db`, `self.password`, `random_password.db.result`. */
const reference =
	/^(?:!\w+|[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*(?:\(.*|\[.*|\?\.?.*)|(?:import\.meta|this|self|var|local|data|config|conf|env|process|os|opts|options|args|params|settings|secrets|ctx|req|request|module|props|state|user|values|app|form|input|body|event|payload|kwargs|ENV|vault|session|me|cls)(?:\.|->|::)[\w.$>:-]+|[a-z]+_[a-z_]+(?:\.[a-z_\d]+){2,})$/;

/** Whether this only stands for a secret: a placeholder, a template, nothing. */
export function isPlaceholder(value: string): boolean {
	if (value.length > 200) return false;
	return template.test(value) || filler.test(value) || noValue.test(value.replace(/[.,;!?]+$/, "")) || saysItIsNone.test(value);
}

/** Whether an unquoted value is an expression of a program. */
export function isExpression(value: string): boolean {
	return value.length <= 200 && reference.test(value);
}

/** A word as people say it: small letters, or with one large one to begin with. */
export function isPlainWord(value: string): boolean {
	return /^\p{L}\p{Ll}*[.,!?)]*$/u.test(value);
}

const randomCharsMin = 8;
/** Of a longer value the beginning tells: each `name=` in a run of them has the rest of the run for its value. */
const randomCharsMax = 256;

/**
 * Whether a text is made of chance and not of words: what a key or a token is, and a name, a path, a version or a date is not. Letters and
 * digits mixed within one piece, or many changes between large and small letters.
 */
export function looksRandom(text: string): boolean {
	const value = text.slice(0, randomCharsMax);
	if (value.length < randomCharsMin || /[\s<>(){}[\]…]/.test(value) || /^(?:https?|file|s3|gs):/.test(value)) return false;
	if (/^\d{4}-\d{2}-\d{2}/.test(value) || /^[\d.,:+-]+$/.test(value)) return /^\d{12,}$/.test(value) === true && value.length >= 16;
	const pieces = value.split(/[^\p{L}\p{N}]+/u).filter((piece) => piece !== "");
	if (pieces.length > 1 && pieces.every(isWordOrNumber)) return false;
	const longest = pieces.reduce((most, piece) => (piece.length > most.length ? piece : most), "");
	if (isWordOrNumber(value)) return false;
	if (/\d/.test(value) && /\p{L}/u.test(value)) return value.length >= 10 || (longest.length >= 6 && !/^[\da-f]+$/i.test(longest));
	return longest.length >= 16 && changes(longest) >= 5;
}

/** `ssh`, `ed25519`, `v2`, `Release`, `cl100k`, `2024`: what names are put together from. */
function isWordOrNumber(piece: string): boolean {
	return /^(?:[A-Z]?[a-z]*|[A-Z]+|[A-Z]?[a-z]{2,}\d{1,2}|[a-z]{1,3}\d{1,5}[a-z]?|v?\d{1,8})$/.test(piece) && piece.length < 24;
}

/** How often large and small letters and digits take turns. */
function changes(text: string): number {
	let count = 0;
	let before = "";
	for (const character of text) {
		const kind = character <= "9" ? "0" : character <= "Z" ? "A" : "a";
		if (before !== "" && kind !== before) count++;
		before = kind;
	}
	return count;
}
