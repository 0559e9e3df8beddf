// Addresses of crypto-currencies: Base58Check (Bitcoin, Litecoin, Dogecoin, Tron, …), Bech32 (BIP-173, BIP-350), and Ethereum's.
import { createHash } from "node:crypto";
import type { PrefixDetector, ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";

const mark = markOf("crypto-address");
const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const charsMin = 26;
const charsMax = 35;
const bech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const humanParts = ["bc1", "BC1", "tb1", "TB1", "ltc1", "LTC1", "addr1", "cosmos1"];

export const cryptoAddressDetector: PrefixDetector & ShapeDetector = {
	id: "crypto-address",
	description:
		"Addresses of crypto-currencies with their checksum: Base58Check (Bitcoin, Litecoin, Dogecoin, Tron), Bech32; and Ethereum's 0x and 40 hexadecimal digits.",
	prefixes: [...humanParts, "0x"],
	findAt(scan, start, prefix) {
		if (is(scan.text, start - 1, chars.alnum)) return;
		const end = scan.runEnd(start, chars.alnum);
		const isOne =
			prefix === "0x"
				? end - start === 42 && scan.runEnd(start + 2, chars.hex) === end
				: end - start <= 110 && isBech32(scan.text.slice(start, end), prefix.length);
		if (isOne) scan.add(start, end, "crypto-address", mark);
	},
	worthwhile: (scan) => scan.digits >= 1 && scan.text.length >= charsMin,
	find(scan) {
		const { text } = scan;
		let from = 0;
		const { starts, ends } = scan.digitGroups();
		for (let group = 0; group < starts.length; group++) {
			const digitsAt = starts[group] as number;
			const digitsEnd = ends[group] as number;
			// Nearly every number stands alone, and digits alone are none.
			if (digitsAt < from || !(is(text, digitsAt - 1, chars.letter) || is(text, digitsEnd, chars.letter))) continue;
			const start = scan.runStart(digitsAt, chars.alnum, charsMax + 1);
			from = scan.runEnd(start, chars.alnum);
			const length = from - start;
			if (length < charsMin || length > charsMax || !"13LMDTA9t".includes(text.charAt(start))) continue;
			scan.work += length;
			if (isBase58Check(scan, text.slice(start, from))) scan.add(start, from, "crypto-address", mark);
		}
	},
};

/** Twenty-five bytes, of which the last four are the beginning of the digest of the digest of the others. */
function isBase58Check(scan: Scan, address: string): boolean {
	if (!/[a-z]/.test(address) || !/[A-Z]/.test(address)) return false;
	if (scan.doubts.addresses-- <= 0) return true;
	let number = 0n;
	for (const character of address) {
		const value = base58.indexOf(character);
		if (value < 0) return false;
		number = number * 58n + BigInt(value);
	}
	const bytes = Buffer.from(number.toString(16).padStart(50, "0"), "hex");
	if (bytes.length !== 25) return false;
	const digest = createHash("sha256")
		.update(createHash("sha256").update(bytes.subarray(0, 21)).digest())
		.digest();
	return digest.subarray(0, 4).equals(bytes.subarray(21));
}

const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function isBech32(address: string, prefixChars: number): boolean {
	const lower = address.toLowerCase();
	if (lower !== address && address.toUpperCase() !== address) return false;
	const human = lower.slice(0, prefixChars - 1);
	const values = [...Array.from(human, (c) => c.charCodeAt(0) >> 5), 0, ...Array.from(human, (c) => c.charCodeAt(0) & 31)];
	for (const character of lower.slice(prefixChars)) {
		const value = bech32.indexOf(character);
		if (value < 0) return false;
		values.push(value);
	}
	let check = 1;
	for (const value of values) {
		const top = check >>> 25;
		check = ((check & 0x1ffffff) << 5) ^ value;
		for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) check ^= generator;
	}
	return address.length >= 14 && (check === 1 || check === 0x2bc830a3);
}
