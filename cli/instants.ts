// Times as people type and read them: with a zone of their own, or so long ago. Pure.
import { wrongUsage } from "./command-failed.ts";

/** A zone by its name in the IANA database. @throws {CommandFailed} `wrongUsage` for one that nobody knows */
export class Zone {
	readonly name: string;
	private readonly format: Intl.DateTimeFormat;

	constructor(name: string) {
		this.name = name;
		try {
			this.format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
		} catch {
			throw wrongUsage("--zone is no time zone. Expected a name of the IANA database, such as UTC, Europe/Berlin or America/New_York.");
		}
	}

	/** How far this zone is before UTC then. */
	offsetMs(at: number): number {
		const text = this.format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "GMT";
		const [, sign = "+", hours = "0", minutes = "0", seconds = "0"] = /([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
		return (sign === "-" ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
	}

	/** An instant of the record with this zone's offset; anything else as it is. */
	show(instant: string): string {
		const at = Date.parse(instant);
		if (this.name === "UTC" || Number.isNaN(at)) return instant;
		const offset = this.offsetMs(at);
		const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
		const minutes = Math.abs(offset) / 60_000;
		return `${new Date(at + offset).toISOString().slice(0, -1)}${offset < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
	}
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A day or a time in `zone`, an instant with its own offset (RFC 3339), or how long ago (`90m`, `7d`), as RFC 3339 in UTC.
 *
 * @throws {CommandFailed} `wrongUsage`, also for a time that the clocks of the zone skip or show twice
 */
export function readTime(option: string, text: string, zone: Zone, now: Date): string {
	const ago = /^(\d{1,6})([smhd])$/.exec(text);
	if (ago) return new Date(now.getTime() - Number(ago[1]) * (unitMs[ago[2] ?? ""] ?? 0)).toISOString();
	const [, day, clock, offset] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
	const local = Date.parse(`${day}T${clock ?? "00:00"}${offset ?? "Z"}`);
	// 31 February would be read as a day of March.
	if (day === undefined || (clock === undefined && offset !== undefined) || Number.isNaN(local) || !isDay(day)) {
		throw wrongUsage(
			`${option} is no time. Expected a day (2026-01-31), a time of day in --zone (2026-01-31T09:00), an instant with its offset (…T09:00Z, …T09:00+01:00), or how long ago (90m, 24h, 7d).`,
		);
	}
	if (offset !== undefined) return new Date(local).toISOString();
	const candidates = [local - zone.offsetMs(local - 86_400_000), local - zone.offsetMs(local + 86_400_000)];
	const instants = new Set(candidates.filter((at) => at + zone.offsetMs(at) === local));
	const [only] = instants;
	if (instants.size === 1 && only !== undefined) return new Date(only).toISOString();
	const why = instants.size === 0 ? "does not exist" : "comes twice";
	throw wrongUsage(`${option}: that time ${why} in ${zone.name}, where the clocks were changed. Write it with its offset: …+01:00.`);
}

function isDay(day: string): boolean {
	const at = Date.parse(`${day}T00:00Z`);
	return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
}
