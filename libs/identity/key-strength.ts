// Public keys with which anyone could sign: what is known of them, found from the key alone. OpenSSL verifies with all of them.
import { checkPrimeSync } from "node:crypto";

/** A public key as RFC 7517 writes it. */
type Jwk = Readonly<Record<string, unknown>>;

/** FIPS 186-5 appendix A.1.1; above, one signature takes tens of milliseconds to verify. */
const modulusBits = { min: 2_048, max: 8_192 } as const;
const exponent = { min: 65_537n, max: 1n << 256n } as const;

/** @returns what makes the key weak, in words that go after "is"; undefined where nothing is known to. */
export function weaknessOf(jwk: Jwk): string | undefined {
	if (jwk.kty === "RSA") return weaknessOfRsa(numberOf(jwk.n), numberOf(jwk.e));
	if (jwk.kty === "OKP") return weaknessOfEdwards(jwk.x);
	// A point that is not on its curve is refused where it is imported, and curves under 256 bits are on no list of algorithms.
	return undefined;
}

/** The partial validation of public keys in NIST SP 800-89 section 5.3.3, and the classes that are found in the wild. */
function weaknessOfRsa(n: bigint | undefined, e: bigint | undefined): string | undefined {
	// Such a key cannot be imported: that is said where it is used.
	if (n === undefined || e === undefined) return undefined;
	const bits = n.toString(2).length;
	if (bits < modulusBits.min || bits > modulusBits.max)
		return `an RSA key of ${bits} bits, expected ${modulusBits.min} to ${modulusBits.max}`;
	if (e < exponent.min || e > exponent.max || e % 2n === 0n)
		return "an RSA key whose exponent is even, below 65537 or above 2^256 (with 1 everything is its own signature)";
	if (smallPrimes.some((prime) => n % BigInt(prime) === 0n)) return "an RSA key whose modulus has a small factor";
	if (hasRocaFingerprint(n)) return "an RSA key of the ROCA class (CVE-2017-15361), whose private half can be computed";
	if (hasCloseFactors(n)) return "an RSA key whose modulus has factors close to each other (CVE-2022-26320)";
	if (checkPrimeSync(n)) return "an RSA key whose modulus is a prime";
	return undefined;
}

const smallPrimes = Array.from({ length: 751 }, (_, at) => at + 2).filter((n) => {
	for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
	return true;
});

/**
 * Nemec et al., "The Return of Coppersmith's Attack" (2017), section 3.4: every modulus of the flawed generator is a power of 65537 modulo
 * each small prime. Of other moduli fewer than one in a hundred million is.
 */
function hasRocaFingerprint(n: bigint): boolean {
	return rocaResidues.every(([prime, residues]) => residues.has(Number(n % BigInt(prime))));
}

const rocaResidues = smallPrimes
	.filter((prime) => prime > 2 && prime <= 167)
	.map((prime): readonly [number, ReadonlySet<number>] => {
		const residues = new Set<number>();
		for (let power = 1; !residues.has(power); power = (power * 65_537) % prime) residues.add(power);
		return [prime, residues];
	});

/** Fermat's method: flawed generators give in within a few rounds, sound ones never. A square is found in the first. */
function hasCloseFactors(n: bigint): boolean {
	const roundsMax = 20n;
	let mean = rootOf(n);
	if (mean * mean < n) mean += 1n;
	for (const last = mean + roundsMax; mean < last; mean += 1n) {
		const square = mean * mean - n;
		const root = rootOf(square);
		if (root * root === square) return true;
	}
	return false;
}

/** The largest integer whose square is not above `n`, by Newton's method. */
function rootOf(n: bigint): bigint {
	if (n < 2n) return n;
	let root = 1n << BigInt((n.toString(2).length + 1) >> 1);
	for (;;) {
		const next = (root + n / root) >> 1n;
		if (next >= root) return root;
		root = next;
	}
}

/**
 * The encodings of the points of small order on edwards25519, without the bit of the sign (RFC 8032 section 5.1.3; those that are not
 * canonical included). A signature under such a key says nothing of who made it.
 */
const smallOrder: ReadonlySet<string> = new Set([
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

function weaknessOfEdwards(x: unknown): string | undefined {
	if (typeof x !== "string") return undefined;
	const point = Buffer.from(x, "base64url");
	point[31] = (point[31] ?? 0) & 0x7f;
	return smallOrder.has(point.toString("hex")) ? "an Ed25519 key of small order, under which anyone can sign" : undefined;
}

function numberOf(text: unknown): bigint | undefined {
	const hex = typeof text === "string" ? Buffer.from(text, "base64url").toString("hex") : "";
	return hex === "" ? undefined : BigInt(`0x${hex}`);
}
