// `callgate secret`: the operator puts function credentials into the executor's vault. Values come from files and standard input, never from arguments.
import type { Command } from "commander";
import { SECRET_BYTES_MAX } from "#libs/vault/vault.ts";
import { createVaultKey } from "#libs/vault/vault-key.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import type { Input, Io } from "./io.ts";
import { keyFileOf, openNamedVault, refusing, type VaultOptions } from "./open-vault.ts";
import { readAllInput, readTextOrInput } from "./read-input.ts";
import { safeLine } from "./terminal-text.ts";

const examples = `
A secret is what a function wants to be called with: an API key, a password. Configurations name it (credential: { secret:
bank-api-key }), the executor alone reads it, callers never see it. Nothing here shows a value: to change one, set it again.

The vault is a file in which each value is encrypted; its key is another file that only its owner may read (0600). Keep them
apart in backups. A running executor notices a change by itself.

The value is read from standard input (on a terminal nothing is shown while you type) or from --from-file; one line end after
it is dropped. It cannot be given as an argument: \`ps\` would show it and the shell would keep it in its history.

Examples:
  $ callgate secret init --vault-key /etc/callgate/vault.key
  $ export CALLGATE_VAULT_FILE=/var/lib/callgate/vault.json CALLGATE_VAULT_KEY_FILE=/etc/callgate/vault.key
  $ callgate secret set bank-api-key
  $ pass show bank/api-key | callgate secret set bank-api-key
  $ callgate secret set bank-api-key --from-file ./key.txt
  $ callgate secret list

The stack of \`npm start\` has a vault and a key already, in its data folder (.callgate in the project, or what --data said):
  $ export CALLGATE_VAULT_FILE=.callgate/vault.json CALLGATE_VAULT_KEY_FILE=.callgate/keys/vault.key
  $ callgate secret set my-api-key
`;

export function registerSecret(program: Command, io: Io): void {
	const secret = program
		.command("secret")
		.description("Put function credentials into the executor's vault")
		.helpCommand(false)
		.addHelpText("after", examples);
	const key = (command: Command) =>
		command
			.option("--vault-key <file>", "the vault's key file (or CALLGATE_VAULT_KEY_FILE)")
			.option("--json", "print JSON, for other programs");
	const vault = (command: Command) => key(command).option("--vault <file>", "the vault's file (or CALLGATE_VAULT_FILE)");

	key(secret.command("init").description("Make a new key file, readable by you alone; an existing one is never overwritten")).action(
		async (options: VaultOptions) => {
			const keyFile = keyFileOf(options, io);
			await refusing(() => createVaultKey(keyFile));
			say(options, io, { keyFile }, [`made the key ${safeLine(keyFile)} (0600)`, "Next: callgate secret set NAME"]);
		},
	);
	vault(secret.command("set").description("Add a secret or replace it").argument("<name>", "its name, as configurations write it"))
		.option("--from-file <file>", "take the value from this file instead of standard input")
		.action(async (name: string, options: VaultOptions & { readonly fromFile?: string }) => {
			// What is wrong with the vault is said before anyone types a secret.
			const opened = await openNamedVault(options, io);
			const value = await secretValue(options.fromFile, io);
			await refusing(() => opened.set(name, value));
			say(options, io, { name, set: true }, [`set ${safeLine(name)}`]);
		});
	vault(secret.command("list").description("Show the names of all secrets")).action(async (options: VaultOptions) => {
		const opened = await openNamedVault(options, io);
		const names = await refusing(() => opened.names());
		say(options, io, { names }, names.length > 0 ? names : ["The vault holds no secrets. Add one: callgate secret set NAME"]);
	});
	vault(
		secret.command("remove").description("Remove a secret; functions that want it fail from then on").argument("<name>", "its name"),
	).action(async (name: string, options: VaultOptions) => {
		const opened = await openNamedVault(options, io);
		const removed = await refusing(() => opened.remove(name));
		if (!removed) throw new CommandFailed("The vault holds no secret of this name. `callgate secret list` shows those it holds.");
		say(options, io, { name, removed }, [`removed ${safeLine(name)}`]);
	});
}

function say(options: VaultOptions, io: Io, shown: object, lines: readonly string[]): void {
	for (const line of options.json ? [JSON.stringify(shown)] : lines) io.print(line);
}

/** Room for the line end that is dropped. */
const readBytesMax = SECRET_BYTES_MAX + 2;

async function secretValue(file: string | undefined, io: Io): Promise<string> {
	if (file !== undefined) return withoutLineEnd(await readTextOrInput("--from-file", file, io.input, readBytesMax));
	if (!io.input.isTTY) return withoutLineEnd(await readAllInput("standard input", io.input, readBytesMax));
	io.tell("The secret's value, then Enter (nothing is shown while you type or paste; for several lines use --from-file):");
	return await typedLine(io.input);
}

function withoutLineEnd(text: string): string {
	return text.replace(/\r?\n$/, "");
}

/** One line from a terminal that does not show it. @throws {CommandFailed} on Ctrl-C and Ctrl-D */
export async function typedLine(input: Input): Promise<string> {
	const decoder = new TextDecoder();
	let typed: string[] = [];
	input.setRawMode?.(true);
	try {
		for await (const chunk of input) {
			for (const character of typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true })) {
				if (character === "\r" || character === "\n") return typed.join("");
				if (character === "\u0003" || character === "\u0004") throw new CommandFailed("Stopped. Nothing was changed.");
				if (character === "\u007f" || character === "\b") typed.pop();
				else if (character === "\u0015") typed = [];
				else typed.push(character);
			}
			if (typed.length > SECRET_BYTES_MAX) throw wrongUsage(`A secret has at most ${SECRET_BYTES_MAX} bytes. Give less.`);
		}
		throw new CommandFailed("Standard input ended before Enter. Nothing was changed.");
	} finally {
		input.setRawMode?.(false);
	}
}
