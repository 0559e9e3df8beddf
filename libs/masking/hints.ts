// What a member's name says about its value: a bare run of digits is a phone number under `phone`, and nothing under `orderId`.
import { withoutMarks } from "./mark.ts";

export const hint = { phone: 1, nationalId: 2, password: 4, cardCode: 8, none: 16 } as const;
/** Hints that also hold for the members of the value: `phone: { home: "…" }`. A password's name says nothing about an object under it. */
const inherited = hint.phone | hint.nationalId;

const nameCharsMax = 128;
const phoneAnywhere = ["phone", "mobile", "msisdn", "whatsapp", "telefon", "handynummer"];
const phoneWords = new Set(["tel", "fax", "cell", "sms", "handy"]);
const nationalAnywhere = [
	"socialsecurity",
	"nationalid",
	"taxid",
	"steuerid",
	"steuernummer",
	"codicefiscale",
	"personalid",
	"burgerservice",
];
const nationalWords = new Set(["ssn", "tin", "itin", "bsn", "sofi", "nino", "nir", "dni", "nie", "nif", "cpf", "ahv", "idnr", "insee"]);
/** `phoneVerifiedAt` and `taxIdType` talk about the number, they are not it; nor is `phone: { createdAt: … }`. */
const notTheThing = new Set([
	"at",
	"timestamp",
	"ts",
	"uuid",
	"on",
	"count",
	"type",
	"verified",
	"time",
	"date",
	"enabled",
	"status",
	"required",
	"updated",
	"created",
]);
const passwordEndings = [
	..."password passwd passphrase passwordhash clientsecret secretkey secretaccesskey privatekey apikey signingkey".split(" "),
	// A bare `token` is as often a page's as a person's; these are not.
	..."accesstoken refreshtoken authtoken bearertoken sessiontoken securitytoken idtoken apitoken".split(" "),
];
const passwordNames = new Set(["pwd", "authorization", "secret"]);
const cardCodeNames = new Set(["cvv", "cvv2", "cvc", "cvc2", "cvn", "csc", "cardverificationvalue", "cardsecuritycode"]);

/** The hints of one member's name, as bits. Marks in the name are not read: the masked name must say what the original said, or less. */
export function hintsOf(name: string): number {
	const words = withoutMarks(name.slice(0, nameCharsMax))
		.replace(/([a-z0-9])([A-Z])/g, "$1 $2")
		.toLowerCase()
		.split(/[^a-z0-9]+/)
		.filter((word) => word !== "");
	const joined = words.join("");
	let bits = 0;
	if (passwordNames.has(joined) || passwordEndings.some((ending) => joined.endsWith(ending))) bits |= hint.password;
	if (cardCodeNames.has(joined)) bits |= hint.cardCode;
	const last = words.at(-1) ?? "";
	if (notTheThing.has(last)) return bits | hint.none;
	if (nationalAnywhere.some((part) => joined.includes(part)) || words.some((word) => nationalWords.has(word))) bits |= hint.nationalId;
	if (last === "id") return bits | hint.none;
	if (phoneAnywhere.some((part) => joined.includes(part)) || words.some((word) => phoneWords.has(word))) bits |= hint.phone;
	return bits;
}

/** The hints of a member from those of its own name and those of the object it is in. */
export function hintsWithin(own: number, parent: number): number {
	return (own & hint.none) !== 0 ? own : own | (parent & inherited);
}
