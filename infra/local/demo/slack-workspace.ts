// What the Slack stand-in knows: who is there, what was posted, which modals are open. In memory, and appended to a file so that restarts keep it.
import { randomBytes } from "node:crypto";
import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Channel, Person } from "./people.ts";

export const teamId = "T0CALLGATE";
export const teamDomain = "callgate-demo";
export const appId = "A0CALLGATE";
export const botUserId = "U0CALLGATE";
export const botId = "B0CALLGATE";

/** A Block Kit block or element that passed `slack-blocks.ts`. */
export type Block = { readonly type: string; readonly [key: string]: unknown };

/** A message of the app; `ts` names it within its channel. */
export type Message = {
	readonly channel: string;
	readonly ts: string;
	readonly text: string;
	readonly blocks: readonly Block[];
	readonly threadTs?: string;
	/** When it was last changed. */
	readonly editedTs?: string;
	/** The one person who sees it. Ephemeral messages cannot be updated by `chat.update`. */
	readonly ephemeralFor?: string;
};

/** A modal that is open in front of one person. */
export type OpenView = {
	readonly id: string;
	readonly user: string;
	readonly view: { readonly [key: string]: unknown; readonly blocks: readonly Block[] };
	/** What the app found wrong with the last submission, by block id. */
	readonly errors: Readonly<Record<string, string>>;
};

export type WorkspaceOptions = {
	readonly people: readonly Person[];
	readonly channels: readonly Channel[];
	/** Holds `slack.jsonl`: one line for each thing posted, changed, deleted or opened, never rewritten. */
	readonly dataDir: string;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
};

export type Workspace = ReturnType<typeof openWorkspace>;

// The oldest fall out of memory (not out of the file).
const messagesMax = 20_000;
// Slack: a trigger id is good for three seconds and for one modal.
const triggerMs = 3_000;
const triggersMax = 1_000;

/** Opens the workspace with what an earlier run left in `dataDir`. */
export function openWorkspace({ people, channels, dataDir, now }: WorkspaceOptions) {
	const log = openLog(dataDir);
	const messages = new Map(log.messages.map((message) => [keyOf(message.channel, message.ts), message]));
	const views = new Map<string, OpenView>();
	const triggers = new Map<string, { user: string; expiresAt: number; used: boolean }>();
	const notices = new Map<string, { channel: string; ts: string; text: string }>();
	const changes = countChanges();
	let lastMicros = 0;
	return {
		people,
		channels,
		now,
		messages: (): readonly Message[] => [...messages.values()],
		message: (channel: string, ts: string) => messages.get(keyOf(channel, ts)),
		/** The next message name: seconds and microseconds, never the same twice. */
		nextTs: (): string => {
			lastMicros = Math.max(now() * 1000, lastMicros + 1);
			return `${Math.floor(lastMicros / 1e6)}.${String(lastMicros % 1e6).padStart(6, "0")}`;
		},
		put: (message: Message): void => {
			messages.set(keyOf(message.channel, message.ts), message);
			const [oldest] = messages.keys();
			if (messages.size > messagesMax && oldest !== undefined) messages.delete(oldest);
			log.write({ message });
			changes.happened();
		},
		remove: (channel: string, ts: string): void => {
			if (!messages.delete(keyOf(channel, ts))) return;
			log.write({ removed: { channel, ts } });
			changes.happened();
		},
		viewOf: (user: string) => views.get(user),
		/** Shows a modal, in place of the person's last one. */
		showView: (open: OpenView): void => {
			views.set(open.user, open);
			log.write({ view: open });
			changes.happened();
		},
		closeView: (user: string): void => {
			if (views.delete(user)) changes.happened();
		},
		newTrigger: (user: string): string => {
			const id = `${now()}.${teamId.length}.${randomBytes(16).toString("hex")}`;
			triggers.set(id, { user, expiresAt: now() + triggerMs, used: false });
			const [oldest] = triggers.keys();
			if (triggers.size > triggersMax && oldest !== undefined) triggers.delete(oldest);
			return id;
		},
		/** Whose click this trigger id stands for, once; else the error that Slack gives. */
		useTrigger: (id: string): { user: string } | { error: string } => {
			const trigger = triggers.get(id);
			if (!trigger) return { error: "invalid_trigger_id" };
			if (trigger.used) return { error: "exchanged_trigger_id" };
			if (trigger.expiresAt < now()) return { error: "expired_trigger_id" };
			trigger.used = true;
			return { user: trigger.user };
		},
		/** What Slack shows beside a message when the app did not answer a click. */
		noticeFor: (user: string) => notices.get(user),
		setNotice: (user: string, notice: { channel: string; ts: string; text: string } | undefined): void => {
			if (notice) notices.set(user, notice);
			else if (!notices.delete(user)) return;
			changes.happened();
		},
		version: changes.version,
		waitForChange: changes.wait,
		person: (idOrName: string) => people.find(({ slackId, name }) => slackId === idOrName || name === idOrName),
		/** By id, `#name` or name; a person's own id means the direct messages with them. */
		channel: (idOrName: string): Channel | undefined => {
			const name = idOrName.replace(/^#/, "");
			return channels.find((channel) => channel.id === idOrName || channel.name === name) ?? directChannel(people, idOrName);
		},
		close: () => log.close(),
	};
}

/** Who can see a message: everyone in its channel, but for ephemeral and direct ones. */
export function canSee(user: string, message: Message): boolean {
	if (message.ephemeralFor !== undefined) return message.ephemeralFor === user;
	return !message.channel.startsWith("D") || message.channel === directId(user);
}

function directChannel(people: readonly Person[], idOrUser: string): Channel | undefined {
	const person = people.find(({ slackId }) => slackId === idOrUser || directId(slackId) === idOrUser);
	return person
		? { id: directId(person.slackId), name: `direct-${person.name}`, topic: `Direct messages with ${person.realName}` }
		: undefined;
}

function directId(user: string): string {
	return `D${user.slice(1)}`;
}

function keyOf(channel: string, ts: string): string {
	return `${channel}:${ts}`;
}

function openLog(dataDir: string) {
	mkdirSync(dataDir, { recursive: true, mode: 0o700 });
	const file = join(dataDir, "slack.jsonl");
	const text = existsSync(file) ? readFileSync(file, "utf8") : "";
	const stream = createWriteStream(file, { flags: "a", mode: 0o600 });
	// A kill may have cut the last line short: what comes now must not be glued to it.
	if (text !== "" && !text.endsWith("\n")) stream.write("\n");
	return {
		messages: readLog(text),
		write: (line: unknown) => stream.write(`${JSON.stringify(line)}\n`),
		close: () => new Promise<void>((resolve) => (stream.writableFinished ? resolve() : stream.end(resolve))),
	};
}

function readLog(text: string): Message[] {
	const messages = new Map<string, Message>();
	for (const line of text.split("\n")) {
		const entry = parseLine(line);
		if (entry.message) messages.set(keyOf(entry.message.channel, entry.message.ts), entry.message);
		if (entry.removed) messages.delete(keyOf(entry.removed.channel, entry.removed.ts));
	}
	return [...messages.values()].slice(-messagesMax);
}

function parseLine(line: string): { message?: Message; removed?: { channel: string; ts: string } } {
	try {
		return JSON.parse(line);
	} catch {
		// An empty line, or one that a kill cut short.
		return {};
	}
}

/** Counts changes and wakes whoever waits for the next one. */
function countChanges() {
	let version = 0;
	const waiting = new Set<() => void>();
	return {
		version: () => version,
		happened: () => {
			version += 1;
			for (const wake of waiting) wake();
		},
		/** Resolves to the version once it is past `since`, or to the same one after `waitMs`. */
		wait: (since: number, waitMs: number): Promise<number> =>
			new Promise((resolve) => {
				const wake = () => {
					clearTimeout(timer);
					waiting.delete(wake);
					resolve(version);
				};
				const timer = setTimeout(wake, version > since ? 0 : waitMs).unref();
				waiting.add(wake);
			}),
	};
}
