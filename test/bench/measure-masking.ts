// How fast answers are masked, in process: JSON as functions give it and plain text, with all detectors.
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { median } from "./statistics.ts";

export interface MaskingFigures {
	readonly what: string;
	readonly bytes: number;
	readonly megabytesPerSecond: number;
}

const mask = compileMask({ paths: { "$.customer.ssn": "redact", "$..card": "last4" }, detect: ALL_DETECTORS });
const roundMs = 200;
const askedEvery = 256;
const smallBytes = 4_096;

/** One entry of an account's statement: words, numbers, identifiers, and nothing that is to be found. */
const clean = (at: number) => ({
	id: `entry-${at}`,
	bookedAt: "2026-03-14",
	amount: 125.5 + at,
	currency: "EUR",
	counterparty: { name: "Northwind Traders", city: "Rotterdam" },
	text: "Invoice of last month, as agreed with the supplier; thank you for your order and for paying on time",
});
/** The same with a card, an address and an account in its text. */
const finding = (at: number) => ({
	...clean(at),
	card: "4242424242424242",
	text: "Paid with 4242 4242 4242 4242 by jamie.okafor@private.example from DE89370400440532013000",
});

const statement = { customer: { name: "Jamie", ssn: "078-05-1120" }, entries: Array.from({ length: 400 }, (_, at) => clean(at)) };
const found = { entries: Array.from({ length: 400 }, (_, at) => finding(at)) };
const csv = Array.from({ length: 1_000 }, (_, at) => Object.values({ ...clean(at), counterparty: "Northwind" }).join(";")).join("\n");

/** The same answers as texts of so many characters. */
export function ordinaryTexts(chars: number): string[] {
	return [JSON.stringify(statement), JSON.stringify(found), csv].map((text) => text.slice(0, chars));
}

export function measureMasking(rounds: number): MaskingFigures[] {
	return [
		figure("JSON, a small answer", clean(1), rounds),
		figure("JSON, nothing to mask", statement, rounds),
		figure("JSON, something to mask in every entry", found, rounds),
		textFigure("CSV as plain text, nothing to mask", csv, rounds),
	];
}

function figure(what: string, value: object, rounds: number): MaskingFigures {
	const bytes = Buffer.byteLength(JSON.stringify(value));
	return { what, bytes, megabytesPerSecond: speedOf(bytes, rounds, () => mask.mask(value as never)) };
}

function textFigure(what: string, text: string, rounds: number): MaskingFigures {
	const bytes = Buffer.byteLength(text);
	return { what, bytes, megabytesPerSecond: speedOf(bytes, rounds, () => mask.maskText(text)) };
}

/** The median of some rounds, in MB/s, of doing `work` over and over on so many bytes: of this thread's own work, whatever else the machine does. */
export function speedOf(bytes: number, rounds: number, work: () => unknown): number {
	const run = (): number => {
		const begun = process.threadCpuUsage();
		for (let times = 1; ; times++) {
			work();
			// Asking is dearer than masking a small answer.
			if (times % askedEvery !== 0 && bytes < smallBytes) continue;
			const { user, system } = process.threadCpuUsage(begun);
			const micros = user + system;
			if (micros >= roundMs * 1_000) return (bytes * times) / micros;
		}
	};
	run();
	return median(Array.from({ length: rounds }, run));
}
