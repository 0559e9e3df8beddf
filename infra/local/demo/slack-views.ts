// Modals: how an open one looks in Slack's answers, and how what a person typed becomes the state that the app gets.
import { randomBytes } from "node:crypto";
import { appId, type Block, botId, type OpenView, teamId } from "./slack-workspace.ts";

/** What a person put into a modal: a text or the value of an option, by block id. */
export type Typed = Readonly<Record<string, string>>;
export type ViewState = { readonly values: Record<string, Record<string, unknown>> };

export function newView(user: string, view: OpenView["view"]): OpenView {
	return { id: `V${randomBytes(5).toString("hex").toUpperCase()}`, user, view, errors: {} };
}

/** A modal as Slack gives it in answers and payloads. */
export function viewAnswer({ id, view }: OpenView, state: ViewState = { values: {} }): { readonly [key: string]: unknown } {
	return {
		id,
		team_id: teamId,
		app_id: appId,
		bot_id: botId,
		app_installed_team_id: teamId,
		private_metadata: "",
		callback_id: "",
		external_id: "",
		clear_on_close: false,
		notify_on_close: false,
		submit: null,
		close: null,
		previous_view_id: null,
		root_view_id: id,
		hash: `${id}.hash`,
		...view,
		state,
	};
}

/**
 * The state of a submitted modal, or what Slack itself shows beside a field before it asks the app:
 * a missing answer, one that is too short or too long, an option that was not offered.
 */
export function fillIn(view: OpenView["view"], typed: Typed): { readonly state: ViewState } | { readonly errors: Record<string, string> } {
	const state: ViewState = { values: {} };
	const errors: Record<string, string> = {};
	for (const block of view.blocks.filter(({ type }) => type === "input")) {
		const element = block.element as Block;
		const blockId = String(block.block_id);
		const value = typed[blockId] ?? "";
		const wrong = whatIsWrong(block, element, value);
		if (wrong !== undefined) errors[blockId] = wrong;
		state.values[blockId] = { [String(element.action_id)]: answerOf(element, value) };
	}
	return Object.keys(errors).length > 0 ? { errors } : { state };
}

function whatIsWrong(block: Block, element: Block, value: string): string | undefined {
	if (value.trim() === "") return block.optional === true ? undefined : "Please complete this required field.";
	if (element.type === "static_select") return optionOf(element, value) ? undefined : "This is not one of the options.";
	if (value.length < Number(element.min_length ?? 0)) return `At least ${element.min_length} characters, please.`;
	return value.length > Number(element.max_length ?? 3000) ? `At most ${element.max_length ?? 3000} characters, please.` : undefined;
}

function answerOf(element: Block, value: string): { readonly [key: string]: unknown } {
	if (element.type === "static_select") return { type: element.type, selected_option: optionOf(element, value) ?? null };
	return { type: element.type, value: value === "" ? null : value };
}

function optionOf(element: Block, value: string): unknown {
	const options = Array.isArray(element.options) ? (element.options as { value: string }[]) : [];
	return options.find((option) => option.value === value);
}
