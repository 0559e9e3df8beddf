// Numbers that states give to people and firms: one entry each, how it is written and how it is proven. From the authorities' own descriptions.
import { digitAt, hasDay, isDay, isLuhn, isMod1110, isVerhoeff, weighted } from "./check-digits.ts";

export interface NationalId {
	readonly name: string;
	/**
	 * How it is written: `d3-d2-d4` is three digits, a dash, two, a dash, four; `A2` two letters. `strong` ones are counted anywhere; `weak`
	 * ones, which many other numbers look like, only where a member's name or the words beside them say what they are.
	 */
	readonly strong?: string;
	readonly weak?: string;
	/** The words that say so. */
	readonly words?: RegExp;
	/** `compact` is what matched, upper case, without separators. */
	readonly valid: (compact: string) => boolean;
}

/** Words that say so of every number with a check digit. */
export const anyIdWords =
	/national id|id (?:number|no|card)|identity|identification|personal (?:code|number|id)|tax (?:id|number|payer)|\btin\b|citizen|resident|passport or id/i;

const always = (): boolean => true;

export const nationalIds: readonly NationalId[] = [
	{
		name: "US SSN and ITIN",
		strong: "d3-d2-d4|d3 d2 d4|d3.d2.d4",
		weak: "d9|d3-d6|d5-d4",
		words: /\b(?:ssn|social security|tax id|i?tin)\b/i,
		valid: isSsn,
	},
	{ name: "US ITIN in two groups", strong: "d3-d6|d5-d4|d3 d6", valid: (c) => c.startsWith("9") && isSsn(c) },
	// No amount is written with a zero in front.
	{
		name: "CA SIN and AU ACN with a leading zero",
		strong: "d3 d3 d3",
		valid: (c) => c.startsWith("0") && c !== "000000000" && (isLuhn(c) || isAcn(c)),
	},
	{ name: "KR resident registration in one", strong: "d13", valid: (c) => hasDay(c, 2, 4) && isKorean(c) },
	{
		name: "CA SIN",
		strong: "d3-d3-d3",
		weak: "d9|d3 d3 d3",
		words: /\bsin\b|social insurance|\bnas\b/i,
		valid: (c) => c !== "000000000" && isLuhn(c),
	},
	{ name: "MX CURP", strong: "A4d6A6d2|A4d6A7d1", valid: isCurp },
	{
		name: "MX RFC",
		weak: "A4d6A3|A4d6A2d1|A4d6A1d2|A4d9|A4d7A1d1|A4d7A2|A4d8A1|A4d6A1d1A1",
		words: /\brfc\b/i,
		valid: (c) => hasDay(c, 6, 8),
	},
	{ name: "BR CPF", strong: "d3.d3.d3-d2", weak: "d11|d9-d2", words: /\bcpf\b/i, valid: isCpf },
	{ name: "BR CNPJ", strong: "d2.d3.d3/d4-d2", weak: "d14", words: /\bcnpj\b/i, valid: isCnpj },
	{ name: "AR CUIT and CUIL", strong: "d2-d8-d1", weak: "d11", words: /\bcui[tl]\b/i, valid: isCuit },
	{ name: "AR and PE DNI", weak: "d2.d3.d3|d8", words: /\bdni\b|documento nacional/i, valid: always },
	{
		...{ name: "CL RUT", strong: "d2.d3.d3-d1|d1.d3.d3-d1|d2.d3.d3-A1|d1.d3.d3-A1", weak: "d8-d1|d7-d1|d8-A1|d7-A1|d9|d8A1" },
		...{ words: /\bru[tn]\b/i, valid: isRut },
	},
	{ name: "CO NIT", weak: "d9-d1|d3.d3.d3-d1", words: /\bnit\b/i, valid: isNit },
	{ name: "CO cédula", weak: "d10|d8|d1.d3.d3.d3|d2.d3.d3", words: /c[ée]dula|\bcc\b/i, valid: always },
	{
		name: "PE RUC",
		weak: "d11",
		words: /\bruc\b/i,
		valid: (c) => (11 - (weighted(c, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === digitAt(c, 10),
	},
	{ name: "EC cédula", weak: "d10|d9-d1", words: /c[ée]dula|\bci\b/i, valid: (c) => isLuhn(c) },
	{
		name: "UY CI",
		weak: "d1.d3.d3-d1|d8|d7-d1",
		words: /c[ée]dula|\bci\b/i,
		valid: (c) => (10 - (weighted(c, [2, 9, 8, 7, 6, 3, 4]) % 10)) % 10 === digitAt(c, 7),
	},
	{ name: "VE cédula", weak: "A1-d8|A1d8|A1-d7", words: /c[ée]dula|\brif\b/i, valid: always },
	{ name: "DO cédula", strong: "d3-d7-d1", weak: "d11", words: /c[ée]dula/i, valid: isLuhn },
	{ name: "GB NHS number", strong: "d3-d3-d4|d3 d3 d4", weak: "d10", words: /\bnhs\b|health/i, valid: isNhs },
	{ name: "GB national insurance number", strong: "A2d6A1|A2 d2 d2 d2 A1|A2 d6 A1|A2-d2-d2-d2-A1", valid: isNino },
	{ name: "IE PPS", strong: "d7A1|d7A2", valid: isPps },
	{ name: "FR NIR", strong: "d15|d1 d2 d2 d2 d3 d3 d2|d13 d2|d6A1d8|d1 d2 d2 d1A1 d3 d3 d2", valid: isNir },
	{
		name: "FR numéro fiscal",
		weak: "d13|d2 d2 d3 d3 d3",
		words: /fiscal|\bspi\b|\btin\b/i,
		valid: (c) => Number(c.slice(0, 10)) % 511 === Number(c.slice(10)),
	},
	{ name: "DE Steuer-ID", strong: "d2 d3 d3 d3", weak: "d11", words: /steuer|\bidnr\b|\btin\b|tax/i, valid: isSteuerId },
	{ name: "DE Rentenversicherungsnummer", strong: "d8A1d3|d2 d6 A1 d3", valid: isRentenversicherung },
	{ name: "NL BSN", strong: "d4.d2.d3", weak: "d9|d4 d2 d3|d3.d3.d3|d3 d3 d3|d8", words: /\bbsn\b|burgerservice|\bsofi/i, valid: isBsn },
	{ name: "BE national number", strong: "d2.d2.d2-d3.d2|d2.d2.d2-d3-d2|d2 d2 d2 d3 d2|d6-d3-d2|d11", valid: isBelgian },
	{
		name: "LU matricule",
		strong: "d13",
		valid: (c) => hasDay(c, 4, 6) && /^(?:18|19|20)/.test(c) && isLuhn(c.slice(0, 12)) && isVerhoeff(c.slice(0, 11) + c.slice(12)),
	},
	{ name: "ES DNI and NIE", strong: "d8A1|d8-A1|d8 A1|d2.d3.d3-A1|A1d7A1|A1-d7-A1|A1-d7A1|A1d7-A1", valid: isDni },
	{ name: "ES CIF", weak: "A1d8|A1-d8|A1d7A1|A1-d7-A1", words: /\b[cn]if\b/i, valid: isCif },
	{
		name: "PT NIF",
		weak: "d9|d3 d3 d3",
		words: /\bnif\b|contribuinte|\bnipc\b/i,
		valid: (c) => {
			const rest = (11 - (weighted(c, [9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
			return rest % 10 === digitAt(c, 8);
		},
	},
	{ name: "PT cartão de cidadão", strong: "d8 d1 A2d1|d9A2d1|d8 d1A2d1|d8-d1-A2d1", valid: isCartao },
	{ name: "IT codice fiscale", strong: "A6d2A1d2A1d3A1|A3 A3 d2A1d2 A1d3A1", valid: isCodiceFiscale },
	{ name: "IT partita IVA", weak: "d11", words: /\bp\.? ?iva\b|partita|\bvat\b/i, valid: isLuhn },
	{ name: "CH AHV", strong: "d3.d4.d4.d2|d13|d3 d4 d4 d2", valid: isAhv },
	{
		name: "AT Sozialversicherungsnummer",
		strong: "d4 d6|d4-d6",
		weak: "d10",
		words: /\bsv-?n|sozialvers|versicherungs/i,
		valid: isAustrian,
	},
	{ name: "DK CPR", strong: "d6-d4", weak: "d10|d6 d4", words: /\bcpr\b|personnummer/i, valid: (c) => hasDay(c, 2, 0) },
	{ name: "SE personnummer", strong: "d6-d4|d6+d4|d8-d4|d12", weak: "d10", words: /person|samordning|\bssn\b/i, valid: isSwedish },
	{ name: "NO fødselsnummer", strong: "d11|d6 d5|d6-d5", valid: isNorwegian },
	{ name: "FI henkilötunnus", strong: "d6-d3A1|d6A1d3A1|d6+d3A1|d6-d4|d6A1d4", valid: isFinnish },
	{ name: "EE isikukood, LT asmens kodas", strong: "d11", valid: isBaltic },
	{ name: "LV personas kods", strong: "d6-d5", weak: "d11", words: /personas|\bpk\b/i, valid: isLatvian },
	{
		name: "IS kennitala",
		strong: "d6-d4",
		weak: "d10",
		words: /kennitala|\bkt\b/i,
		valid: (c) => hasDay(c, 2, 0) && weighted(c, [3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0,
	},
	{ name: "PL PESEL", strong: "d11", valid: isPesel },
	{
		name: "PL NIP",
		strong: "d3-d3-d2-d2|d3-d2-d2-d3",
		weak: "d10",
		words: /\bnip\b/i,
		valid: (c) => weighted(c, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === digitAt(c, 9),
	},
	{ name: "PL REGON", weak: "d9", words: /\bregon\b/i, valid: (c) => (weighted(c, [8, 9, 2, 3, 4, 5, 6, 7]) % 11) % 10 === digitAt(c, 8) },
	{ name: "CZ and SK rodné číslo", strong: "d6/d4|d6/d3", weak: "d10", words: /rodn|\brč\b/i, valid: isRodneCislo },
	{
		name: "HU TAJ",
		weak: "d9|d3 d3 d3|d3-d3-d3",
		words: /\btaj\b/i,
		valid: (c) => weighted(c, [3, 7, 3, 7, 3, 7, 3, 7]) % 10 === digitAt(c, 8),
	},
	{
		name: "HU adóazonosító",
		weak: "d10",
		words: /adóazonosító|\badó/i,
		valid: (c) => weighted(c, [1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 === digitAt(c, 9),
	},
	{ name: "EMŠO and JMBG", strong: "d13", valid: isJmbg },
	{ name: "HR OIB", weak: "d11", words: /\boib\b/i, valid: isMod1110 },
	{ name: "BG EGN", weak: "d10", words: /\begn\b|егн/i, valid: isEgn },
	{ name: "RO CNP", strong: "d13", valid: isCnp },
	{ name: "GR AMKA", strong: "d11", valid: (c) => hasDay(c, 2, 0) && isLuhn(c) },
	{
		name: "GR AFM",
		weak: "d9",
		words: /\bafm\b|αφμ|α\.φ\.μ/i,
		valid: (c) => (weighted(c, [256, 128, 64, 32, 16, 8, 4, 2]) % 11) % 10 === digitAt(c, 8),
	},
	{ name: "TR kimlik", strong: "d11", valid: isKimlik },
	{
		name: "IL teudat zehut",
		weak: "d9|d8|d8-d1",
		words: /teudat|zehut|israel|תעודת|זהות|ת"ז|ת\.ז/i,
		valid: (c) => isLuhn(c.padStart(9, "0")),
	},
	{ name: "ZA identity number", strong: "d13|d6 d4 d3|d6 d4 d2 d1", valid: (c) => hasDay(c, 2, 4) && /^.{10}[01]/.test(c) && isLuhn(c) },
	{ name: "IN Aadhaar", strong: "d4 d4 d4|d4-d4-d4", weak: "d12", words: /aadha|\buid|आधार/i, valid: (c) => c >= "2" && isVerhoeff(c) },
	{ name: "IN PAN", strong: "A5d4A1", valid: (c) => /^[A-Z]{3}[ABCFGHLJPT]/.test(c) },
	{
		name: "IN GSTIN",
		strong: "d2A5d4A1d1A1d1|d2A5d4A1d1A2|d2A5d4A3|d2A5d4A2d1",
		valid: (c) => /^\d\d[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$/.test(c),
	},
	{ name: "IN voter id", weak: "A3d7", words: /voter|epic|elector/i, valid: always },
	{
		name: "IN vehicle registration",
		strong: "A2d2A2d4|A2d2A1d4|A2-d2-A2-d4",
		weak: "A2 d2 A2 d4|A2d1A2d4|A2d2A3d4",
		words: /vehicle|plate|registration|\bcar\b/i,
		valid: isIndianVehicle,
	},
	{ name: "CN resident identity", strong: "d18|d17A1", valid: isChinese },
	{ name: "TW identity card", strong: "A1d9", valid: isTaiwanese },
	{
		name: "HK identity card",
		strong: "A1d6(d1|A2d6(d1|A1d6(A1|A2d6(A1",
		weak: "A1d7|A2d7",
		words: /hkid|hong kong|身份證/i,
		valid: always,
	},
	{
		name: "KR resident registration",
		strong: "d6-d7",
		weak: "d13",
		words: /주민|\brrn\b|resident/i,
		valid: (c) => hasDay(c, 2, 4) && /^.{6}[0-9]/.test(c),
	},
	{ name: "JP my number", weak: "d12|d4 d4 d4|d4-d4-d4", words: /my ?number|マイナンバー|個人番号/i, valid: isMyNumber },
	{ name: "SG NRIC and FIN", strong: "A1d7A1", valid: isNric },
	{ name: "SG UEN", strong: "d9A1|d8A1|A1d2A2d4A1", valid: isUen },
	{
		name: "MY NRIC",
		strong: "d6-d2-d4",
		weak: "d12",
		words: /mykad|nric|\bic\b|kad pengenalan/i,
		valid: (c) => hasDay(c, 2, 4) && isMalaysianPlace(Number(c.slice(6, 8))),
	},
	{ name: "TH identity number", strong: "d1-d4-d5-d2-d1|d1 d4 d5 d2 d1", weak: "d13", words: /thai|บัตร|ประชาชน/i, valid: isThai },
	{
		name: "ID NIK",
		weak: "d16",
		words: /\bnik\b|\bktp\b/i,
		valid: (c) => /^[1-9]/.test(c) && isDay(Number(c.slice(8, 10)), Number(c.slice(6, 8)) % 40),
	},
	{ name: "VN citizen identity", weak: "d12", words: /cccd|căn cước|cmnd/i, valid: always },
	{ name: "PK CNIC", strong: "d5-d7-d1", weak: "d13", words: /\bcnic\b/i, valid: (c) => /^[1-7]/.test(c) && !c.endsWith("0") },
	{ name: "AE identity", strong: "d3-d4-d7-d1", weak: "d15", words: /emirates/i, valid: (c) => c.startsWith("784") },
	{ name: "SA identity", weak: "d10", words: /iqama|saudi|هوية/i, valid: (c) => /^[12]/.test(c) && isLuhn(c) },
	{
		name: "EG identity",
		strong: "d14",
		valid: (c) => /^[23]/.test(c) && hasDay(c, 3, 5) && /^.{7}(?:0[1-4]|1[1-9]|2[1-9]|3[1-5]|88)/.test(c),
	},
	{ name: "NG NIN", weak: "d11", words: /\bnin\b/i, valid: always },
	{
		name: "AU TFN",
		weak: "d9|d3 d3 d3|d3-d3-d3|d8",
		words: /\btfn\b|tax file/i,
		valid: (c) => weighted(c, c.length === 9 ? [1, 4, 3, 7, 5, 8, 6, 9, 10] : [10, 7, 8, 4, 6, 3, 5, 1]) % 11 === 0,
	},
	{ name: "AU ABN", strong: "d2 d3 d3 d3|d11", valid: isAbn },
	{
		name: "AU ACN",
		weak: "d9|d3 d3 d3",
		words: /\bacn\b|company/i,
		valid: isAcn,
	},
	{
		name: "AU Medicare",
		strong: "d4 d5 d1|d4-d5-d1",
		weak: "d10",
		words: /medicare/i,
		valid: (c) => /^[2-6]/.test(c) && weighted(c, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === digitAt(c, 8),
	},
	{ name: "NZ IRD", weak: "d2-d3-d3|d3-d3-d3|d8|d9|d7-d1", words: /\bird\b|inland/i, valid: isIrd },
	{ name: "RU SNILS", strong: "d3-d3-d3 d2|d3-d3-d3-d2", weak: "d11", words: /снилс|snils/i, valid: isSnils },
	{ name: "RU INN", strong: "d12", weak: "d10", words: /\binn\b|инн/i, valid: isInn },
	{ name: "RU passport", weak: "d4 d6|d2 d2 d6|d10", words: /паспорт|passport/i, valid: always },
	{
		name: "UA tax number",
		weak: "d10",
		words: /рнокпп|іпн|ідентифікаційн/i,
		valid: (c) => (((weighted(c, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11) + 11) % 11) % 10 === digitAt(c, 9),
	},
	{ name: "KZ IIN", strong: "d12", valid: isIin },
];

/** SSA: no area 000, 666; no group 00; no serial 0000. Areas from 900 are the tax office's ITINs, whose groups start at 50. */
function isSsn(compact: string): boolean {
	const area = Number(compact.slice(0, 3));
	const group = Number(compact.slice(3, 5));
	if (area === 0 || area === 666 || group === 0 || compact.endsWith("0000")) return false;
	return area < 900 || (group >= 50 && group !== 89 && group !== 93);
}

/** RENAPO: eighteen characters, each worth its place in the alphabet with Ñ, times 18 down to 2. */
function isCurp(compact: string): boolean {
	if (!/^[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d$/.test(compact) || !hasDay(compact, 6, 8)) return false;
	const alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
	let sum = 0;
	for (let at = 0; at < 17; at++) sum += alphabet.indexOf(compact.charAt(at)) * (18 - at);
	return (10 - (sum % 10)) % 10 === digitAt(compact, 17);
}

function isCpf(compact: string): boolean {
	if (/^(\d)\1+$/.test(compact)) return false;
	const check = (length: number): number => {
		let sum = 0;
		for (let at = 0; at < length; at++) sum += digitAt(compact, at) * (length + 1 - at);
		return ((sum * 10) % 11) % 10;
	};
	return check(9) === digitAt(compact, 9) && check(10) === digitAt(compact, 10);
}

function isCnpj(compact: string): boolean {
	const check = (weights: readonly number[]): number => {
		const rest = weighted(compact, weights) % 11;
		return rest < 2 ? 0 : 11 - rest;
	};
	const weights = [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
	return !/^0+$/.test(compact) && check(weights) === digitAt(compact, 12) && check([6, ...weights]) === digitAt(compact, 13);
}

function isCuit(compact: string): boolean {
	const rest = weighted(compact, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
	const check = rest === 0 ? 0 : rest === 1 ? 9 : 11 - rest;
	return /^(?:2[0-7]|3[034])/.test(compact) && check === digitAt(compact, 10);
}

function isRut(compact: string): boolean {
	let sum = 0;
	for (let at = compact.length - 2, weight = 2; at >= 0; at--, weight = weight === 7 ? 2 : weight + 1) sum += digitAt(compact, at) * weight;
	return "0123456789K0"[(11 - (sum % 11)) % 11 === 10 ? 10 : (11 - (sum % 11)) % 11] === compact.at(-1);
}

function isNit(compact: string): boolean {
	const weights = [3, 7, 13, 17, 19, 23, 29, 37, 41];
	let sum = 0;
	for (let at = 0; at < 9; at++) sum += digitAt(compact, 8 - at) * (weights[at] ?? 0);
	return "01987654321"[sum % 11] === compact[9];
}

function isNhs(compact: string): boolean {
	const rest = (11 - (weighted(compact, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
	return rest === digitAt(compact, 9) && !/^(\d)\1+$/.test(compact);
}

/** HMRC NIM39110: letters and prefixes that are not given out. */
function isNino(compact: string): boolean {
	return /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(compact);
}

function isPps(compact: string): boolean {
	const second = compact.length === 9 ? compact.charCodeAt(8) - 0x40 : 0;
	const extra = compact.length === 9 && "WT".includes(compact.charAt(8)) ? 0 : second;
	if (compact.length === 9 && !/[A-IWT]$/.test(compact)) return false;
	return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(compact, [8, 7, 6, 5, 4, 3, 2]) + 9 * extra) % 23] === compact[7];
}

/** INSEE: sex, year, month (20 to 42 and from 50 where the month is unknown), place, number, and a key of 97 minus the rest; Corsica's A and B count as 19 and 18. */
function isNir(compact: string): boolean {
	const month = Number(compact.slice(3, 5));
	if (!/^[1-478]/.test(compact) || !((month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50)) return false;
	const number = Number(compact.slice(0, 13).replace("2A", "19").replace("2B", "18"));
	return 97 - (number % 97) === Number(compact.slice(13));
}

/** ISO 7064 mod 11,10, no leading zero, and among the first ten digits exactly one that occurs twice or three times. */
function isSteuerId(compact: string): boolean {
	const counts = new Map<string, number>();
	for (const digit of compact.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
	const repeated = [...counts.values()].filter((count) => count > 1);
	return !compact.startsWith("0") && repeated.length === 1 && (repeated[0] ?? 0) <= 3 && isMod1110(compact);
}

/** VKVV § 4: area, birthday, letter as two digits, serial, and the sum of the digits of the products. */
function isRentenversicherung(compact: string): boolean {
	const letter = String(compact.charCodeAt(8) - 0x40).padStart(2, "0");
	const digits = compact.slice(0, 8) + letter + compact.slice(9);
	const weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
	let sum = 0;
	for (const [at, weight] of weights.entries()) {
		const product = weight * digitAt(digits, at);
		sum += Math.floor(product / 10) + (product % 10);
	}
	return isDay(Number(compact.slice(4, 6)), Number(compact.slice(2, 4)) % 50 || 1) && sum % 10 === digitAt(digits, 12);
}

/** The eleven test: weights 9 to 2, and minus one. */
function isBsn(compact: string): boolean {
	const padded = compact.padStart(9, "0");
	return padded !== "000000000" && (weighted(padded, [9, 8, 7, 6, 5, 4, 3, 2]) - digitAt(padded, 8)) % 11 === 0;
}

function isBelgian(compact: string): boolean {
	const month = Number(compact.slice(2, 4)) % 20;
	const check = Number(compact.slice(9));
	const fits = (prefix: string) => 97 - (Number(prefix + compact.slice(0, 9)) % 97) === check;
	return month <= 12 && Number(compact.slice(4, 6)) <= 31 && (fits("") || fits("2"));
}

function isDni(compact: string): boolean {
	const number = Number(compact.slice(0, -1).replace("X", "0").replace("Y", "1").replace("Z", "2"));
	return number > 0 && "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] === compact.at(-1);
}

function isCif(compact: string): boolean {
	if (!/^[ABCDEFGHJNPQRSUVW]/.test(compact)) return false;
	const body = compact.slice(1, 8);
	let sum = 0;
	for (let at = 0; at < 7; at++) {
		const digit = digitAt(body, at) * (at % 2 === 0 ? 2 : 1);
		sum += Math.floor(digit / 10) + (digit % 10);
	}
	const check = (10 - (sum % 10)) % 10;
	return compact[8] === String(check) || compact[8] === "JABCDEFGHI"[check];
}

/** IMT: Luhn from the right with letters as 10 to 35. */
function isCartao(compact: string): boolean {
	let sum = 0;
	for (let at = 0; at < 12; at++) {
		const value = Number.parseInt(compact.charAt(at), 36);
		const twice = at % 2 === 0 ? value * 2 : value;
		sum += twice > 9 && at % 2 === 0 ? twice - 9 : twice;
	}
	return sum % 10 === 0;
}

/** Decree of 23 December 1976: values of the characters in odd places, digits first. Letters may stand for digits where two persons collide. */
const oddValues = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
export function isCodiceFiscale(compact: string): boolean {
	if (!/^[A-Z]{6}[\dLMNPQRSTUV]{2}[A-EHLMPRST][\dLMNPQRSTUV]{2}[A-Z][\dLMNPQRSTUV]{3}[A-Z]$/.test(compact)) return false;
	let sum = 0;
	for (let at = 0; at < 15; at++) {
		const code = compact.charCodeAt(at);
		const value = code <= 0x39 ? code - 0x30 : code - 0x41;
		sum += at % 2 === 0 ? (oddValues[value] ?? 0) : value;
	}
	return String.fromCharCode(0x41 + (sum % 26)) === compact[15];
}

/** EAN-13. */
function isAhv(compact: string): boolean {
	return compact.startsWith("756") && weighted(compact, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0;
}

function isAustrian(compact: string): boolean {
	return (
		Number(compact.slice(4, 6)) <= 31 &&
		Number(compact.slice(6, 8)) <= 15 &&
		weighted(compact, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === digitAt(compact, 3)
	);
}

/** Twelve digits begin with a year; a recent one is rather a time. A coordination number has 60 added to its day. */
function isSwedish(compact: string): boolean {
	const short = compact.slice(-10);
	const day = Number(short.slice(4, 6));
	if (compact.length === 12 && !/^(?:19|200|201)/.test(compact)) return false;
	return isDay(Number(short.slice(2, 4)), day > 60 ? day - 60 : day) && isLuhn(short);
}

function isNorwegian(compact: string): boolean {
	const day = Number(compact.slice(0, 2)) % 40;
	if (!isDay(Number(compact.slice(2, 4)) % 40, day)) return false;
	return weighted(compact, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 === 0 && weighted(compact, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0;
}

function isFinnish(compact: string): boolean {
	const digits = compact.slice(0, 6) + compact.slice(compact.length === 11 ? 7 : 6, -1);
	if (compact.length === 11 && !/^.{6}[A-FU-Y]/.test(compact)) return false;
	return hasDay(compact, 2, 0) && "0123456789ABCDEFHJKLMNPRSTUVWXY"[Number(digits) % 31] === compact.at(-1);
}

function isBaltic(compact: string): boolean {
	if (!/^[1-8]/.test(compact) || !hasDay(compact, 3, 5)) return false;
	const first = weighted(compact, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
	const second = weighted(compact, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
	return (first < 10 ? first : second % 10) === digitAt(compact, 10);
}

function isLatvian(compact: string): boolean {
	if (compact.startsWith("32")) return true;
	return hasDay(compact, 2, 0) && ((1 + weighted(compact, [10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11) % 10 === digitAt(compact, 10);
}

/** The century is in the month: 80, 0, 20, 40 or 60 more. */
function isPesel(compact: string): boolean {
	const month = Number(compact.slice(2, 4)) % 20;
	return (
		isDay(month, Number(compact.slice(4, 6))) &&
		(10 - (weighted(compact, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digitAt(compact, 10)
	);
}

/** Women's months have 50 added; 20 more where a day's numbers were used up. Nine digits, from before 1954, have no check digit. */
function isRodneCislo(compact: string): boolean {
	const month = (Number(compact.slice(2, 4)) % 50) % 20;
	if (!isDay(month, Number(compact.slice(4, 6)))) return false;
	if (compact.length === 9) return Number(compact.slice(0, 2)) < 54;
	return (Number(compact.slice(0, 9)) % 11) % 10 === digitAt(compact, 9);
}

function isJmbg(compact: string): boolean {
	const rest = 11 - (weighted(compact, [7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11);
	return hasDay(compact, 2, 0) && /^.{4}[09]/.test(compact) && (rest > 9 ? 0 : rest) === digitAt(compact, 12);
}

function isEgn(compact: string): boolean {
	const month = Number(compact.slice(2, 4)) % 20;
	return isDay(month, Number(compact.slice(4, 6))) && (weighted(compact, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11) % 10 === digitAt(compact, 9);
}

function isCnp(compact: string): boolean {
	const rest = weighted(compact, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
	return /^[1-9]/.test(compact) && hasDay(compact, 3, 5) && (rest === 10 ? 1 : rest) === digitAt(compact, 12);
}

function isKimlik(compact: string): boolean {
	if (compact.startsWith("0")) return false;
	const odd = [0, 2, 4, 6, 8].reduce((sum, at) => sum + digitAt(compact, at), 0);
	const even = [1, 3, 5, 7].reduce((sum, at) => sum + digitAt(compact, at), 0);
	const tenth = (((odd * 7 - even) % 10) + 10) % 10;
	return tenth === digitAt(compact, 9) && (odd + even + tenth) % 10 === digitAt(compact, 10);
}

const indianStates = new Set(
	"AN AP AR AS BR CG CH DD DL DN GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD OR PB PY RJ SK TN TR TS UK UP WB".split(" "),
);

function isIndianVehicle(compact: string): boolean {
	return indianStates.has(compact.slice(0, 2));
}

function isChinese(compact: string): boolean {
	if (!/^[1-9]\d{5}(?:19|20)\d{2}/.test(compact) || !hasDay(compact, 10, 12)) return false;
	const rest = weighted(compact, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11;
	return "10X98765432"[rest] === compact[17];
}

function isTaiwanese(compact: string): boolean {
	const value = "ABCDEFGHJKLMNPQRSTUVXYWZIO".indexOf(compact.charAt(0)) + 10;
	const sum = Math.floor(value / 10) + (value % 10) * 9 + weighted(compact.slice(1), [8, 7, 6, 5, 4, 3, 2, 1, 1]);
	return /^[A-Z][1289]/.test(compact) && sum % 10 === 0;
}

function isAcn(compact: string): boolean {
	return (10 - (weighted(compact, [8, 7, 6, 5, 4, 3, 2, 1]) % 10)) % 10 === digitAt(compact, 8);
}

function isKorean(compact: string): boolean {
	return /^.{6}[1-8]/.test(compact) && (11 - (weighted(compact, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10 === digitAt(compact, 12);
}

function isMyNumber(compact: string): boolean {
	const rest = weighted(compact, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
	return (rest <= 1 ? 0 : 11 - rest) === digitAt(compact, 11);
}

function isNric(compact: string): boolean {
	const kind = compact.charAt(0);
	const offset = kind === "T" || kind === "G" ? 4 : kind === "M" ? 3 : 0;
	const rest = (weighted(compact.slice(1), [2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
	const letters =
		kind === "S" || kind === "T"
			? "JZIHGFEDCBA"
			: kind === "M"
				? "KLJNPQRTUWX".split("").reverse().join("")
				: kind === "F" || kind === "G"
					? "XWUTRQPNMLK"
					: "";
	return letters[rest] === compact[8];
}

function isUen(compact: string): boolean {
	if (compact.length === 9) return "XMKECAWLJDB"[weighted(compact, [10, 4, 9, 3, 8, 2, 7, 1]) % 11] === compact[8];
	if (/^\d/.test(compact))
		return /^(?:19|20)/.test(compact) && "ZKCMDNERGWH"[weighted(compact, [10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11] === compact[9];
	return /^[TSR]\d\d(?:LP|LL|FC|PF|RF|MQ|MM|NB|CC|CS|MB|FM|GS|DP|CP|NR|CM|CD|MD|HS|VH|CH|MH|CL|XL|CX|HC|RP|TU|TC|FB|FN|PA|PB|SS|MC|SM|GA|GB)/.test(
		compact,
	);
}

function isMalaysianPlace(place: number): boolean {
	return (
		(place >= 1 && place <= 16) ||
		(place >= 21 && place <= 68) ||
		(place >= 71 && place <= 79) ||
		(place >= 82 && place <= 93) ||
		place >= 98
	);
}

function isThai(compact: string): boolean {
	return /^[1-8]/.test(compact) && (11 - (weighted(compact, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === digitAt(compact, 12);
}

function isAbn(compact: string): boolean {
	return !compact.startsWith("0") && (weighted(compact, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 === 0;
}

function isIrd(compact: string): boolean {
	const padded = compact.padStart(9, "0");
	const check = (weights: readonly number[]) => (11 - (weighted(padded, weights) % 11)) % 11;
	const first = check([3, 2, 7, 6, 5, 4, 3, 2]);
	return (first < 10 ? first : check([7, 4, 3, 2, 5, 2, 7, 6])) === digitAt(padded, 8);
}

function isSnils(compact: string): boolean {
	return (weighted(compact, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101) % 100 === Number(compact.slice(9));
}

function isInn(compact: string): boolean {
	if (compact.length === 10) return (weighted(compact, [2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10 === digitAt(compact, 9);
	const eleventh = (weighted(compact, [7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10;
	return (
		eleventh === digitAt(compact, 10) &&
		(weighted(compact, [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11) % 10 === digitAt(compact, 11) &&
		!/^0/.test(compact)
	);
}

function isIin(compact: string): boolean {
	if (!hasDay(compact, 2, 4) || !/^.{6}[1-6]/.test(compact)) return false;
	const first = weighted(compact, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
	const rest = first === 10 ? weighted(compact, [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11 : first;
	return rest === digitAt(compact, 11);
}
