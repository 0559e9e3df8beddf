// The place of a forwarder in the record, kept in a file between two runs.
import { randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { CommandFailed } from "../command-failed.ts";

/** What is kept between two runs. `eventTime` beside `at` is how far it is behind. */
export interface Place {
	readonly cursor: string;
	readonly forwarded: number;
	/** Of the last event that was forwarded. */
	readonly eventTime?: string;
	readonly at: string;
}

export async function readPlace(file: string): Promise<Place | undefined> {
	let text: string;
	try {
		text = await readFile(file, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw new CommandFailed("The file of --state cannot be read.", { cause: error });
	}
	try {
		const place = JSON.parse(text) as Place;
		if (typeof place.cursor === "string" && Number.isSafeInteger(place.forwarded)) return place;
	} catch {
		// Told below.
	}
	// Beginning anew would leave out what came since, or send all of it again.
	throw new CommandFailed("The file of --state is none of `callgate audit forward`. Name another one, or remove it to begin anew.");
}

/** Whole or not at all: a half one would be no place. */
export async function writePlace(file: string, place: Place): Promise<void> {
	const temporary = `${file}.${randomUUID()}.tmp`;
	try {
		const handle = await open(temporary, "wx", 0o600);
		try {
			await handle.writeFile(`${JSON.stringify(place)}\n`);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await rename(temporary, file);
	} catch (error) {
		throw new CommandFailed("The file of --state cannot be written. What was forwarded since is forwarded again next time.", {
			cause: error,
		});
	}
}
