// What a name says about its value: of a member, a header, a form field, a parameter, an option, an element. One table for all of them.
import { withoutMarks } from "./mark.ts";

/**
 * `password`: the value is a secret whatever it looks like. `keyLike`: it is one where it looks random, for keys and tokens are often plain
 * words. `code`: it is one where it is some digits (PIN, one-time code). `cardCode`: a card's security code. `none`: the name speaks about the thing and is not it.
 */
export const hint = {
	phone: 1,
	nationalId: 2,
	password: 4,
	cardCode: 8,
	none: 16,
	keyLike: 32,
	code: 64,
	birthDate: 128,
	document: 256,
} as const;
/** Hints that also hold for the members of the value: `phone: { home: "…" }`, `credentials: { user, value }`. */
export const inherited = hint.phone | hint.nationalId | hint.password;

const nameCharsMax = 128;

function setOf(words: string): ReadonlySet<string> {
	return new Set(words.split(/\s+/));
}

const phoneAnywhere = ["phone", "mobile", "msisdn", "whatsapp", "telefon", "handynummer", "telefoon", "móvil", "celular", "cellulare"];
const phoneWords = setOf("tel fax cell sms handy gsm tlf rufnummer teléfono telefono téléphone puhelin телефон 电话 電話 手机 전화");
const nationalAnywhere =
	"socialsecurity nationalid taxid steuerid steuernummer codicefiscale personalid burgerservice nationalinsurance personnummer aadhaar idnumber identitynumber citizenid taxfile kimlik rijksregister isikukood identitycard nhsnumber".split(
		" ",
	);
const nationalWords = setOf(
	"ssn tin itin bsn sofi nino nir dni nie nif cpf cnpj ahv avs idnr insee sin curp rfc cuit cuil rut nhs pps ppsn pesel nip egn cnp jmbg oib amka nric fin uen tfn abn acn ird cnic hkid rrn nik mykad cpr hetu tckn pan svnr emso rodnecislo inn snils teudat",
);
const birthJoined =
	/(?:dateofbirth|birthdate|birthday|dob|geburtsdatum|geburtstag|datedenaissance|fechadenacimiento|datadinascita|geboortedatum|bday|born)$/;
const documentJoined =
	/(?:passport|passportno|passportnumber|passportid|driverslicen[cs]e|driverlicen[cs]e|drivinglicen[cs]e|licen[cs]enumber|licen[cs]eno|dlnumber|idcardnumber|documentnumber|reisepass|passeport|pasaporte|passaporto)$/;

/** `phoneVerifiedAt` and `taxIdType` talk about the number, they are not it; nor is `phone: { createdAt: … }`. */
const notTheThing = setOf("at timestamp ts uuid on count type verified time date enabled status required updated created");

/** A name with one of these words is a secret's, unless it ends in a word of `aboutIt`. */
const secretWords = setOf(
	"password passwords passwd passwort kennwort passphrase passcode contraseña contrasena contraseñas senha wachtwoord lösenord losenord adgangskode passord salasana hasło haslo heslo jelszo parola slaptažodis geslo contrasenya şifre sifre κωδικός лозинка סיסמה รหัสผ่าน пароль пароля mdp 密码 密碼 口令 パスワード 비밀번호 암호 pwd pswd psw pw secret secrets credential credentials creds mnemonic apikey apikeys apisecret authkey privatekey secretkey accesstoken authtoken authorization apitoken passwordhash pgpassword userpassword dbpassword",
);
/** Or where its words, joined, end in one of these. */
const secretEndings =
	"clientsecret secretkey secretaccesskey subscriptionkey privatekey privkey signingkey signkey encryptionkey encryptkey decryptionkey masterkey accesskey storagekey accountkey sharedkey sharedaccesskey apikey authkey deploykey servicekey consumerkey databasekey dbkey clientkey accesstoken refreshtoken authtoken authenticationtoken bearertoken sessiontoken securitytoken idtoken apitoken usertoken bottoken servicetoken deploytoken personaltoken connectionstring connstring connstr passwordhash seedphrase recoveryphrase recoverycode recoverycodes backupcode backupcodes motdepasse keypass storepass proxyauthorization sessionsecret dsn".split(
		" ",
	);
/** Ends in a word that is a password's only as the last one: `db_pass`, `user-pw`. */
const secretLast = setOf("pass pw");
const keyWords = setOf(
	"token tokens key keys auth access signature sig session sessionid sid jwt bearer cookie nonce salt csrf xsrf hmac license licence clave chave code cert vault private cipher oauth otpauth webhook authentication clientid",
);
/** Beside the name of one whose tokens have no shape of their own. */
const vendorWords = setOf(
	"heroku hetzner linode vultr cloudflare fastly netlify vercel railway confluent codecov travis snyk datadog newrelic rollbar pagerduty twilio mailgun postmark algolia contentful dropbox airtable asana discord facebook twitter linkedin twitch flickr plaid coinbase kraken kucoin bittrex etsy finicity okta auth0 adafruit bitbucket trello jfrog artifactory sumologic messagebird launchdarkly intercom hubspot freshbooks zendesk mattermost gitter yandex alibaba squarespace cohere mistral deepgram",
);
/** Of a key or token that is none of a door: a page's, a table's, a keyboard's. */
const harmlessKeyWords = setOf(
	"page next prev previous cursor continuation sync primary foreign partition sort public pub cache idempotency translation row s3 max min num prompt completion input output total used remaining id ids uid uuid sha commit digest checksum hash error status country postal zip currency language lang product item area dial promo coupon discount exit response reason color mime",
);
const aboutIt = setOf(
	"type name names id ids url uri path file filename dir folder length len size expires expiry expired expiration expire at ttl age enabled disabled required policy version hint label method mode rotation status state count min max strength reset changed updated created verified valid invalid field manager arn ref reference rules requirements page link format alg algorithm issuer scope scopes provider limit quota usage used fingerprint thumbprint bits prompt placeholder title description help message error errors store env date time timestamp timeout ttl minutes seconds days hours interval attempts tries retries last4 prefix",
);
/** Say nothing themselves: the words before them do. */
const valueWords = setOf("value val data content current default raw plain plaintext");
const keeperWords = setOf("auth vault private");
const keptWords = setOf("private key cipher");
const codeWords = setOf("pin pins pincode otp totp");
const codeEndings =
	"onetimecode onetimepassword verificationcode securitycode mfacode 2facode authcode smscode confirmationcode einmalcode tan".split(" ");
const cardCodeNames = setOf("cvv cvv2 cvc cvc2 cvn csc cid cardverificationvalue cardsecuritycode cardcode");

/** The words of a name, whatever its spelling: camel, snake, kebab, upper. */
function wordsOf(name: string): string[] {
	return withoutMarks(name.slice(0, nameCharsMax))
		.replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2")
		.replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
		.toLowerCase()
		.split(/[^\p{L}\p{N}]+/u)
		.filter((word) => word !== "");
}

const scrapsMin = 6;
const wordCharsMin = 3;

/** The hints of one name, as bits. Marks in the name are not read: the masked name must say what the original said, or less. */
export function hintsOf(name: string): number {
	const words = wordsOf(name);
	if (words.length === 0) return 0;
	const joined = words.join("");
	// Chance is no name: what base64 seems to say is said by scraps.
	if (words.length >= scrapsMin && joined.length < words.length * wordCharsMin) return 0;
	const last = words.at(-1) ?? "";
	let bits = secretHints(words, joined, last);
	if (words.some((word) => cardCodeNames.has(word)) || cardCodeNames.has(joined)) bits |= hint.cardCode;
	if (birthJoined.test(joined)) return bits | hint.birthDate;
	if (documentJoined.test(joined)) bits |= hint.document;
	if (notTheThing.has(last)) return bits | hint.none;
	if (nationalAnywhere.some((part) => joined.includes(part)) || words.some((word) => nationalWords.has(word))) bits |= hint.nationalId;
	if (last === "id") return bits | hint.none;
	if (phoneAnywhere.some((part) => joined.includes(part)) || words.some((word) => phoneWords.has(word))) bits |= hint.phone;
	return bits;
}

function secretHints(words: readonly string[], joined: string, last: string): number {
	// `password2`, `DB_PASSWORD_1`, `api_key_v2`.
	const plain = words.map((word) => word.replace(/\d+$/, "") || word);
	const end = plain.at(-1) ?? last;
	if (plain.some((word) => codeWords.has(word)) || codeEndings.some((ending) => joined.endsWith(ending))) return hint.code;
	if (aboutIt.has(end) || aboutIt.has(last)) return 0;
	// `vault.token.value` is what `vault.token` is.
	if (plain.length > 1 && valueWords.has(end)) return secretHints(words.slice(0, -1), words.slice(0, -1).join(""), words.at(-2) ?? "");
	if (plain.includes("public") || plain.includes("pub")) return 0;
	const bare = plain.join("");
	if (plain.some((word) => secretWords.has(word)) || secretEndings.some((ending) => bare.endsWith(ending))) return hint.password;
	if (secretLast.has(end) || /(?:password|passwd|passphrase|secret|apikey)$/.test(bare)) return hint.password;
	if (plain.some((word) => harmlessKeyWords.has(word))) return 0;
	// `slackToken` is one, `token` may be any word.
	if (plain.length > 1 && end === "token") return hint.password;
	// `auth.private`, `vault.key`: what a keeper of secrets has. `auth.type`, `vault.role`, `private.network` are none.
	if (keptWords.has(end) && plain.slice(-3, -1).some((word) => keeperWords.has(word))) return hint.password;
	return plain.some((word) => keyWords.has(word)) || plain.some((word) => vendorWords.has(word)) || /(?:token|key)$/.test(end)
		? hint.keyLike
		: 0;
}

/** The hints of a member from those of its own name and those of the object it is in. */
export function hintsWithin(own: number, parent: number): number {
	// What is in an object of secrets is one, even where its name says what else it is.
	if ((own & hint.none) !== 0) return own | (parent & hint.password);
	return own | (parent & inherited);
}
