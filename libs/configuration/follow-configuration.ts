// The revision that is in force: every service follows what policy activated and never reads the folder itself.
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { followed } from "#libs/bus/permissions.ts";
import { crashPoint } from "#libs/service/crash-point.ts";
import { compileActivated } from "./compile-configuration.ts";
import type { Configuration } from "./configuration.ts";
import { unpackFiles } from "./pack-files.ts";

/** The entry of the store `configuration` that names the revision in force. */
export const currentKey = "current";

/** What `current` holds. */
export interface CurrentRevision {
	readonly revision: string;
	/**
	 * Revisions that were in force before, newest first, and when they ceased to be (RFC 3339). The first ceased when this entry was stored,
	 * which its writer cannot know: its `until` is by the writer's own clock, for older versions only. See {@link formerOf}.
	 */
	readonly previous: readonly { readonly revision: string; readonly until: string }[];
}

/** Former revisions and when they ceased to be in force, by the servers' clock, which also says when a call was stored. */
export function formerOf(current: CurrentRevision, storedAt: Date): CurrentRevision["previous"] {
	return current.previous.map((one, index) => (index === 0 ? { ...one, until: storedAt.toISOString() } : one));
}

/** The entry that holds a revision's packed files. */
export function revisionKey(revision: string): string {
	return `revision.${revision.replace("sha256:", "")}`;
}

export interface ActiveConfiguration {
	/** @throws {EventsUnavailable} until a first revision was activated. */
	current(): Configuration;
	/** As `current`, and undefined until a first revision was activated. */
	inForce(): Configuration | undefined;
	/** Tells of each revision that comes into force from now on; it must not throw. What is returned ends that. */
	onActivated(told: (configuration: Configuration) => void): () => void;
	/** A revision by name, also one that was superseded: what was granted under it runs under it. Undefined if nobody activated it. */
	at(revision: string): Promise<Configuration | undefined>;
	/** Since when a revision is no longer in force; undefined if it is, or if it is not known. */
	supersededAt(revision: string): Date | undefined;
	/** @throws {EventsUnavailable} also while another revision is in force than this process can read; it goes on under its old one. */
	checkReady(): Promise<void>;
	stop(): Promise<void>;
}

/** Revisions kept compiled; older ones are read again when a late grant needs them. */
const compiledMax = 8;
const refreshMs = 10_000;

/**
 * Follows the activated configuration. `onActivated` is told of the first and of each further one; it must not throw.
 */
export async function followConfiguration(
	bus: Bus,
	onActivated: (configuration: Configuration) => void = () => undefined,
	onFault: (error: unknown) => void = () => undefined,
): Promise<ActiveConfiguration> {
	const store = bus.store("configuration");
	const compiled = new Map<string, Promise<Configuration | undefined>>();
	let state: CurrentRevision | undefined;
	let current: Configuration | undefined;
	const listeners = new Set([onActivated]);
	/** Why this process does not work under the revision that is in force. */
	let behind: Error | undefined;

	async function load(revision: string): Promise<Configuration | undefined> {
		const entry = await store.get(revisionKey(revision));
		if (!entry) return undefined;
		const result = compileActivated(unpackFiles(entry.value));
		// Whoever activated it could: it uses what this version does not know.
		if (!result.ok) throw new EventsUnavailable(`revision ${revision} cannot be read by this version of Callgate`);
		// What was stored under this name must be this: a revision is the hash of its content.
		if (result.configuration.revision !== revision) throw new EventsUnavailable(`revision ${revision} is not what its name says`);
		return result.configuration;
	}

	function at(revision: string): Promise<Configuration | undefined> {
		const known = compiled.get(revision);
		if (known) return known;
		const loading = load(revision);
		compiled.set(revision, loading);
		loading.then(
			(found) => found === undefined && compiled.delete(revision),
			() => compiled.delete(revision),
		);
		for (const oldest of compiled.keys()) {
			if (compiled.size <= compiledMax) break;
			if (oldest !== state?.revision) compiled.delete(oldest);
		}
		return loading;
	}

	async function refresh(): Promise<void> {
		const entry = await store.get(currentKey);
		if (!entry) return;
		const named = JSON.parse(entry.value) as CurrentRevision;
		const configuration = await at(named.revision).catch((error: unknown) => {
			// Everyone may read why a process is not ready, and a parser's own error quotes what it read.
			behind = error instanceof EventsUnavailable ? error : new EventsUnavailable(`revision ${named.revision} cannot be read`);
			throw error;
		});
		if (!configuration) {
			behind = new EventsUnavailable(`revision ${named.revision} is in force but not stored`);
			throw behind;
		}
		behind = undefined;
		const changed = configuration !== current;
		state = { ...named, previous: formerOf(named, entry.storedAt) };
		current = configuration;
		if (changed) for (const told of listeners) told(configuration);
	}

	/** One refresh after the other: an older one never overtakes a newer. */
	let refreshing: Promise<void> = Promise.resolve();
	const refreshSoon = () => {
		refreshing = refreshing.then(refresh).catch(onFault);
	};
	const following = await bus.follow({
		filter: followed.control,
		from: "now",
		handle: ({ event }) => {
			if (event.type === "control.configuration.activated") refreshSoon();
		},
	});
	crashPoint("during-recovery-at-start");
	await refresh();
	// Whoever activates may die between storing a revision and announcing it.
	const timer = setInterval(refreshSoon, refreshMs).unref();

	const currentOrThrow = () => {
		if (!current) throw new EventsUnavailable("no configuration has been activated yet");
		return current;
	};
	return {
		current: currentOrThrow,
		inForce: () => current,
		onActivated: (told) => {
			listeners.add(told);
			return () => void listeners.delete(told);
		},
		at,
		supersededAt: (revision) => {
			const until = state?.previous.find((one) => one.revision === revision)?.until;
			return until === undefined ? undefined : new Date(until);
		},
		checkReady: async () => {
			if (!current) await refresh();
			const { revision } = currentOrThrow();
			if (behind) throw new EventsUnavailable(`still working under revision ${revision}: ${behind.message}`);
		},
		stop: async () => {
			clearInterval(timer);
			await following.stop();
		},
	};
}
