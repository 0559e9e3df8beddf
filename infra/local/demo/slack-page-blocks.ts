// Block Kit as HTML: what a message or a modal looks like, with forms whose buttons really click.
import { escapeHtml } from "#libs/service/html.ts";
import { type Names, renderMrkdwn, renderPlain } from "./slack-mrkdwn.ts";
import type { Block, OpenView } from "./slack-workspace.ts";

/** The hidden fields that a click sends along. */
export type ClickFields = Readonly<Record<"as" | "channel" | "ts", string>>;

/** The blocks of a message. Buttons post to `/click`. */
export function renderBlocks(blocks: readonly Block[], names: Names, fields: ClickFields): string {
	return blocks.map((block) => renderBlock(block, names, fields)).join("");
}

function renderBlock(block: Block, names: Names, fields: ClickFields): string {
	switch (block.type) {
		case "header":
			return `<h3>${renderText(block.text, names)}</h3>`;
		case "section":
			return renderSection(block, names, fields);
		case "context":
			return `<div class="context">${list(block.elements)
				.map((element) => `<span>${element.type === "image" ? renderImage(element) : renderText(element, names)}</span>`)
				.join("")}</div>`;
		case "divider":
			return "<hr>";
		case "actions":
			return `<div class="actions">${list(block.elements)
				.map((element) => renderButton(element, block, fields))
				.join("")}</div>`;
		default:
			return `<div class="context">${escapeHtml(`A block of type ${block.type} belongs into a modal.`)}</div>`;
	}
}

function renderSection(block: Block, names: Names, fields: ClickFields): string {
	const text = block.text ? `<div>${renderText(block.text, names)}</div>` : "";
	const cells = list(block.fields).map((field) => `<div>${renderText(field, names)}</div>`);
	const accessory = block.accessory as Block | undefined;
	const side = accessory?.type === "button" ? renderButton(accessory, block, fields) : accessory ? renderImage(accessory) : "";
	return `<div class="section"><div class="text">${text}${cells.length > 0 ? `<div class="fields">${cells.join("")}</div>` : ""}</div>${side}</div>`;
}

function renderButton(element: Block, block: Block, fields: ClickFields): string {
	const hidden = { ...fields, block_id: String(block.block_id), action_id: String(element.action_id) };
	const confirm = element.confirm ? ` data-confirm="${escapeHtml(JSON.stringify(confirmTexts(element.confirm)))}"` : "";
	const style = element.style === "primary" || element.style === "danger" ? ` class="${element.style}"` : "";
	return `<form method="post" action="/click"${confirm}>${renderHidden(hidden)}<button${style}>${renderText(element.text)}</button></form>`;
}

function confirmTexts(confirm: unknown): Record<string, string> {
	const parts = confirm as Record<"title" | "text" | "confirm" | "deny", { text: string }>;
	return { title: parts.title.text, text: parts.text.text, confirm: parts.confirm.text, deny: parts.deny.text };
}

// The page's policy forbids pictures from elsewhere: only the words are shown.
function renderImage(element: Block): string {
	return `<span class="image" title="${escapeHtml(String(element.image_url))}">🖼 ${escapeHtml(String(element.alt_text))}</span>`;
}

export function renderHidden(fields: Readonly<Record<string, string>>): string {
	return Object.entries(fields)
		.map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
		.join("");
}

/** A modal as a form that posts to `/submit-view`, each input named `value.` and its block id. */
export function renderView({ view, errors }: OpenView, names: Names, fields: Readonly<Record<string, string>>): string {
	const body = view.blocks.map((block) =>
		block.type === "input"
			? renderInput(block, errors[String(block.block_id)])
			: renderBlock(block, names, { as: "", channel: "", ts: "" }),
	);
	const general = errors[""] === undefined ? "" : `<p class="error">${escapeHtml(errors[""])}</p>`;
	const submit = view.submit ? `<button class="primary">${renderText(view.submit)}</button>` : "";
	const close = view.close ? renderText(view.close) : "Cancel";
	return `<div class="backdrop"><form class="modal" role="dialog" aria-modal="true" method="post" action="/submit-view">${renderHidden(fields)}
	<h2>${renderText(view.title)}</h2>${general}${body.join("")}
	<div class="actions end"><button formaction="/close-view" formnovalidate>${close}</button>${submit}</div></form></div>`;
}

function renderInput(block: Block, error: string | undefined): string {
	const element = block.element as Block;
	const name = `name="value.${escapeHtml(String(block.block_id))}"${block.optional === true ? "" : " required"}`;
	const hint = block.hint ? `<small>${renderText(block.hint)}</small>` : "";
	const wrong = error === undefined ? "" : `<small class="error">${escapeHtml(error)}</small>`;
	const optional = block.optional === true ? " <small>(optional)</small>" : "";
	return `<label>${renderText(block.label)}${optional}${element.type === "static_select" ? renderSelect(element, name) : renderTextInput(element, name)}${hint}${wrong}</label>`;
}

function renderTextInput(element: Block, name: string): string {
	const initial = escapeHtml(String(element.initial_value ?? ""));
	const placeholder = escapeHtml(textOf(element.placeholder));
	const attributes = `${name} maxlength="${Number(element.max_length ?? 3000)}" placeholder="${placeholder}"`;
	return element.multiline === true ? `<textarea rows="4" ${attributes}>${initial}</textarea>` : `<input ${attributes} value="${initial}">`;
}

function renderSelect(element: Block, name: string): string {
	const chosen = (element.initial_option as { value?: string } | undefined)?.value;
	const options = (element.options as { text: unknown; value: string }[]).map(
		({ text, value }) => `<option value="${escapeHtml(value)}"${value === chosen ? " selected" : ""}>${renderText(text)}</option>`,
	);
	return `<select ${name}><option value="">${escapeHtml(textOf(element.placeholder) || "Choose…")}</option>${options.join("")}</select>`;
}

const noNames: Names = { user: () => undefined, channel: () => undefined };

function renderText(object: unknown, names: Names = noNames): string {
	const text = textOf(object);
	return (object as Block | undefined)?.type === "mrkdwn" ? renderMrkdwn(text, names) : renderPlain(text);
}

function textOf(object: unknown): string {
	return typeof object === "object" && object !== null && "text" in object ? String(object.text) : "";
}

function list(value: unknown): readonly Block[] {
	return Array.isArray(value) ? value : [];
}
