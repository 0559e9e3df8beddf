// Block Kit as far as the stand-in draws it, with Slack's limits: what the real Slack would refuse is refused here too.
import { randomBytes } from "node:crypto";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import type { Block } from "./slack-workspace.ts";

/** Blocks with the ids that Slack adds where the app gave none, or what is wrong with them in Slack's words. */
export type CheckedBlocks = { readonly blocks: readonly Block[] } | { readonly errors: readonly string[] };

type Schema = { readonly [key: string]: unknown };

const string = (maxLength: number): Schema => ({ type: "string", minLength: 1, maxLength });
const object = (type: string, properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
	type: "object",
	additionalProperties: false,
	required: ["type", ...required],
	properties: { type: { const: type }, ...properties },
});
const oneOf = (...kinds: readonly Schema[]): Schema => ({
	type: "object",
	required: ["type"],
	discriminator: { propertyName: "type" },
	oneOf: kinds,
});

const plainText = (maxLength: number) => object("plain_text", { text: string(maxLength), emoji: { type: "boolean" } }, ["text"]);
const markdown = (maxLength: number) => object("mrkdwn", { text: string(maxLength), verbatim: { type: "boolean" } }, ["text"]);
const anyText = (maxLength: number) => oneOf(plainText(maxLength), markdown(maxLength));
const ids = { block_id: string(255) };

const confirm: Schema = {
	type: "object",
	additionalProperties: false,
	required: ["title", "text", "confirm", "deny"],
	properties: {
		title: plainText(100),
		text: anyText(300),
		confirm: plainText(30),
		deny: plainText(30),
		style: { enum: ["primary", "danger"] },
	},
};

const button = object(
	"button",
	{
		text: plainText(75),
		action_id: string(255),
		value: string(2000),
		url: string(3000),
		style: { enum: ["primary", "danger"] },
		confirm,
		accessibility_label: string(75),
	},
	["text"],
);
const option: Schema = {
	type: "object",
	additionalProperties: false,
	required: ["text", "value"],
	properties: { text: plainText(75), value: string(150), description: plainText(75) },
};
const staticSelect = object(
	"static_select",
	{
		action_id: string(255),
		placeholder: plainText(150),
		options: { type: "array", minItems: 1, maxItems: 100, items: option },
		initial_option: option,
		confirm,
		focus_on_load: { type: "boolean" },
	},
	["options"],
);
const textInput = object("plain_text_input", {
	action_id: string(255),
	placeholder: plainText(150),
	initial_value: { type: "string", maxLength: 3000 },
	multiline: { type: "boolean" },
	min_length: { type: "integer", minimum: 0, maximum: 3000 },
	max_length: { type: "integer", minimum: 1, maximum: 3000 },
	focus_on_load: { type: "boolean" },
});
const image = { image_url: string(3000), alt_text: string(2000) };

const block = oneOf(
	object("header", { ...ids, text: plainText(150) }, ["text"]),
	{
		...object("section", {
			...ids,
			text: anyText(3000),
			fields: { type: "array", minItems: 1, maxItems: 10, items: anyText(2000) },
			accessory: oneOf(button, object("image", image, ["image_url", "alt_text"])),
			expand: { type: "boolean" },
		}),
		anyOf: [{ required: ["text"] }, { required: ["fields"] }],
	},
	object(
		"context",
		{
			...ids,
			elements: {
				type: "array",
				minItems: 1,
				maxItems: 10,
				items: oneOf(plainText(2000), markdown(2000), object("image", image, ["image_url", "alt_text"])),
			},
		},
		["elements"],
	),
	object("divider", ids),
	object("actions", { ...ids, elements: { type: "array", minItems: 1, maxItems: 25, items: oneOf(button) } }, ["elements"]),
	object(
		"input",
		{
			...ids,
			label: plainText(2000),
			element: oneOf(textInput, staticSelect),
			hint: plainText(2000),
			optional: { type: "boolean" },
			dispatch_action: { const: false },
		},
		["label", "element"],
	),
);

const modal = object(
	"modal",
	{
		title: plainText(24),
		submit: plainText(24),
		close: plainText(24),
		blocks: { type: "array", maxItems: 100, items: block },
		private_metadata: { type: "string", maxLength: 3000 },
		callback_id: { type: "string", maxLength: 255 },
		external_id: { type: "string", maxLength: 255 },
		clear_on_close: { type: "boolean" },
		notify_on_close: { type: "boolean" },
	},
	["title", "blocks"],
);

const ajv = new Ajv2020({ discriminator: true, strict: false, allErrors: true });
const validBlocks = ajv.compile({ type: "array", maxItems: 50, items: block });
const validModal = ajv.compile(modal);

/** Checks the blocks of a message: at most 50, each within Slack's limits, ids not repeated. */
export function checkBlocks(value: unknown): CheckedBlocks {
	if (!validBlocks(value)) return { errors: (validBlocks.errors ?? []).map((error) => inSlacksWords(error, "/blocks")) };
	return withIds(value as Block[], "/blocks");
}

/** Checks a modal; an `input` needs a `submit` button, as in Slack. */
export function checkModal(
	value: unknown,
): { readonly view: { readonly [key: string]: unknown; readonly blocks: readonly Block[] } } | { readonly errors: readonly string[] } {
	if (!validModal(value)) return { errors: (validModal.errors ?? []).map((error) => inSlacksWords(error, "/view")) };
	const view = value as { blocks: Block[]; submit?: unknown };
	if (view.submit === undefined && view.blocks.some(({ type }) => type === "input"))
		return { errors: ["missing required field: submit [json-pointer:/view]"] };
	const checked = withIds(view.blocks, "/view/blocks");
	return "errors" in checked ? checked : { view: { ...view, blocks: checked.blocks } };
}

// Slack documents no bound of a message's blocks together, and refuses somewhat above 13,000 characters. Reports of people who measured say
// that a block costs 125 of them whatever is in it (github.com/slackapi/bolt-js/issues/2509), and that 11,341 characters of text were too many
// in many small elements (…/2867). Characters of the JSON and the cost of each block together is the strictest reading of both.
const blocksCharactersMax = 13_000;
const blockCharacters = 125;

/** Whether Slack answers these blocks of a message with `msg_blocks_too_long`. */
export function areTooLong(blocks: readonly Block[]): boolean {
	return JSON.stringify(blocks).length + blocks.length * blockCharacters > blocksCharactersMax;
}

function inSlacksWords(error: ErrorObject, root: string): string {
	const where = ` [json-pointer:${root}${error.instancePath}]`;
	switch (error.keyword) {
		case "maxLength":
			return `must be less than ${Number(error.params.limit) + 1} characters${where}`;
		case "minLength":
			return `must be more than 0 characters${where}`;
		case "maxItems":
			return `no more than ${error.params.limit} items allowed${where}`;
		case "required":
			return `missing required field: ${error.params.missingProperty}${where}`;
		case "additionalProperties":
			return `invalid additional property: ${error.params.additionalProperty}${where}`;
		case "discriminator":
			return `unsupported type: ${error.params.tagValue}${where}`;
		default:
			return `${error.message}${where}`;
	}
}

function withIds(blocks: readonly Block[], root: string): CheckedBlocks {
	const errors: string[] = [];
	const blockIds = new Set<string>();
	const named = blocks.map((one, index) => {
		const id = typeof one.block_id === "string" ? one.block_id : newId();
		if (blockIds.has(id)) errors.push(`\`block_id\` ${id} already exists [json-pointer:${root}/${index}/block_id]`);
		blockIds.add(id);
		const actionIds = new Set<string>();
		const withAction = (element: Block): Block => {
			if (!interactive.has(element.type)) return element;
			const actionId = typeof element.action_id === "string" ? element.action_id : newId();
			if (actionIds.has(actionId)) errors.push(`\`action_id\` ${actionId} already exists [json-pointer:${root}/${index}]`);
			actionIds.add(actionId);
			return { ...element, action_id: actionId };
		};
		return {
			...one,
			block_id: id,
			...(Array.isArray(one.elements) ? { elements: one.elements.map(withAction) } : {}),
			...(one.accessory ? { accessory: withAction(one.accessory as Block) } : {}),
			...(one.element ? { element: withAction(one.element as Block) } : {}),
		};
	});
	return errors.length > 0 ? { errors } : { blocks: named };
}

const interactive = new Set(["button", "static_select", "plain_text_input"]);

function newId(): string {
	return randomBytes(4).toString("base64url").slice(0, 5);
}
