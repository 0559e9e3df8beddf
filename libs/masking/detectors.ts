// The closed list of detectors, and the names under which a policy turns them on.
import type { FindAction } from "./action.ts";
import { birthDateDetector } from "./detect/birth-date.ts";
import { cardDetector } from "./detect/card.ts";
import { cloudTokenDetector } from "./detect/cloud-token.ts";
import { cryptoAddressDetector } from "./detect/crypto-address.ts";
import { documentDetector } from "./detect/document.ts";
import { emailDetector } from "./detect/email.ts";
import { ibanDetector } from "./detect/iban.ts";
import { ipAddressDetector } from "./detect/ip-address.ts";
import { jwtDetector } from "./detect/jwt.ts";
import { macAddressDetector } from "./detect/mac-address.ts";
import { nationalIdDetector } from "./detect/national-id.ts";
import { passwordDetector } from "./detect/password.ts";
import { phoneDetector } from "./detect/phone.ts";
import { privateKeyDetector } from "./detect/private-key.ts";
import type { Detector } from "./detector.ts";
import type { DetectorId } from "./scan.ts";

/** In order of precedence: where two overlap and are equally long, the earlier one names what is masked. */
const detectors = [
	privateKeyDetector,
	jwtDetector,
	cloudTokenDetector,
	cardDetector,
	ibanDetector,
	cryptoAddressDetector,
	emailDetector,
	macAddressDetector,
	ipAddressDetector,
	birthDateDetector,
	nationalIdDetector,
	documentDetector,
	phoneDetector,
	passwordDetector,
] as const satisfies readonly Detector[];

/** Names that stand for several detectors. */
const umbrellas = {
	secret: ["jwt", "private-key", "cloud-token", "password"],
	network: ["ip-address", "mac-address"],
} as const satisfies Record<string, readonly DetectorId[]>;

/** What `detect:` of a policy may name. */
export type DetectorName = DetectorId | keyof typeof umbrellas;

/** Every name with the sentence that explains it: the reference page is made from this. */
export const detectorDescriptions: Readonly<Record<DetectorName, string>> = {
	...(Object.fromEntries(detectors.map(({ id, description }) => [id, description])) as Record<DetectorId, string>),
	secret: `All of: ${umbrellas.secret.join(", ")}.`,
	network: `All of: ${umbrellas.network.join(", ")}.`,
};

/** What becomes of what detectors find, by their names. What is said of one weighs more than what is said of several. */
export type FindActions = Readonly<Partial<Record<DetectorName, FindAction>>>;

/** The same by detector. */
export function actionsByDetector(actions: FindActions): ReadonlyMap<DetectorId, FindAction> {
	const named = Object.entries(actions) as [DetectorName, FindAction][];
	const several = named.flatMap(([name, action]) =>
		name === "secret" || name === "network" ? umbrellas[name].map((id): [DetectorId, FindAction] => [id, action]) : [],
	);
	const single = named.filter((entry): entry is [DetectorId, FindAction] => entry[0] !== "secret" && entry[0] !== "network");
	return new Map([...several, ...single]);
}

/** Every detector there is. */
export const ALL_DETECTORS: readonly DetectorName[] = detectors.map(({ id }) => id);

/** Of what an auditor looks for: e-mails and phone numbers stay, they are what one looks for. */
export const QUERY_DETECTORS: readonly DetectorName[] = ["card", "iban", "national-id", "secret"];

export function isDetectorName(name: string): name is DetectorName {
	return Object.hasOwn(detectorDescriptions, name);
}

/** The detectors that the names stand for, each once, in order of precedence. */
export function detectorsNamed(names: readonly DetectorName[]): readonly Detector[] {
	const ids = new Set<DetectorId>(names.flatMap((name) => (name === "secret" || name === "network" ? umbrellas[name] : [name])));
	return detectors.filter(({ id }) => ids.has(id));
}
