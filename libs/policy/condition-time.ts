// What the clock says in a condition: `now.getHours("Europe/Berlin")`, the same on every machine.
import { type CelFunc, CelScalar, celMethod, objectType } from "@bufbuild/cel";
import { TimestampSchema, timestampMs } from "@bufbuild/protobuf/wkt";

// The library's own versions go through the machine's time zone, in which some wall-clock times do not exist.
const TIMESTAMP = objectType(TimestampSchema);
const dayMs = 86_400_000;

/** What each method reads off the wall clock; numbering as in the CEL specification (months, days of month and of week start at 0). */
const readings: ReadonlyMap<string, (wall: Date) => number> = new Map([
	["getFullYear", (wall) => wall.getUTCFullYear()],
	["getMonth", (wall) => wall.getUTCMonth()],
	["getDate", (wall) => wall.getUTCDate()],
	["getDayOfMonth", (wall) => wall.getUTCDate() - 1],
	["getDayOfWeek", (wall) => wall.getUTCDay()],
	["getDayOfYear", (wall) => Math.floor((wall.getTime() - Date.UTC(wall.getUTCFullYear(), 0, 1)) / dayMs)],
	["getHours", (wall) => wall.getUTCHours()],
	["getMinutes", (wall) => wall.getUTCMinutes()],
	["getSeconds", (wall) => wall.getUTCSeconds()],
]);

// Time zones are string literals of conditions, so a policy's own number of them bounds this cache.
const formats = new Map<string, Intl.DateTimeFormat>();

/** A date whose UTC fields are what a clock on the wall shows in that zone: an IANA name, or `+02:00`. @throws {RangeError} unknown zone */
export function wallClock(epochMs: number, zone: string | undefined): Date {
	if (zone === undefined) return new Date(epochMs);
	const offset = /^([+-])([01]\d|2[0-3]):([0-5]\d)$/.exec(zone);
	if (offset !== null) {
		const minutes = Number(offset[2]) * 60 + Number(offset[3]);
		return new Date(epochMs + (offset[1] === "-" ? -minutes : minutes) * 60_000);
	}
	const parts = new Map(
		formatOf(zone)
			.formatToParts(epochMs)
			.map((part) => [part.type, Number(part.value)]),
	);
	const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? Number.NaN;
	return new Date(Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second")));
}

function formatOf(zone: string): Intl.DateTimeFormat {
	const known = formats.get(zone);
	if (known !== undefined) return known;
	const format = new Intl.DateTimeFormat("en-US", {
		timeZone: zone,
		calendar: "gregory",
		numberingSystem: "latn",
		hourCycle: "h23",
		year: "numeric",
		month: "numeric",
		day: "numeric",
		hour: "numeric",
		minute: "numeric",
		second: "numeric",
	});
	formats.set(zone, format);
	return format;
}

export const timeMethods: readonly string[] = [...readings.keys()];

export const timeFunctions: CelFunc[] = [...readings].flatMap(([name, read]) => [
	celMethod(name, TIMESTAMP, [], CelScalar.INT, function () {
		return BigInt(read(wallClock(timestampMs(this.message), undefined)));
	}),
	celMethod(name, TIMESTAMP, [CelScalar.STRING], CelScalar.INT, function (zone) {
		return BigInt(read(wallClock(timestampMs(this.message), zone)));
	}),
]);
