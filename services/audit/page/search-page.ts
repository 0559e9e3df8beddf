// The page on which auditors look for calls: a form, and a line a call.
import { type Caller, endings } from "#libs/contracts/call.ts";
import { type Story, storyStates } from "#libs/contracts/story.ts";
import { type Html, html } from "#libs/service/html.ts";
import type { CallsAnswer } from "../read-record.ts";
import { layout, person, span, time } from "./layout.ts";

export type Asked = Readonly<Record<string, string>>;

/** @param asked as it stands in the address @param found undefined where what was asked cannot be asked: `fault` says why */
export function searchPage(reader: Caller, asked: Asked, found: CallsAnswer | undefined, fault?: string): string {
	return layout({ title: "Calls", reader }, [
		form(asked),
		fault !== undefined && html`<p class="wrong" role="alert">${fault}</p>`,
		found && results(asked, found),
	]);
}

function form(asked: Asked): Html {
	const text = (name: string, label: string, hint?: string) => {
		const described = hint === undefined ? undefined : html`<small id="${name}-hint">${hint}</small>`;
		return html`<div><label for="${name}">${label}</label><input id="${name}" name="${name}" value="${asked[name] ?? ""}"${described && html` aria-describedby="${name}-hint"`} autocomplete="off">${described}</div>`;
	};
	const choice = (name: string, label: string, options: readonly string[]) =>
		html`<div><label for="${name}">${label}</label><select id="${name}" name="${name}"><option value="">any</option>${options.map(
			(option) => html`<option${option === asked[name] && html` selected`}>${option}</option>`,
		)}</select></div>`;
	return html`<form method="get" action="/audit" role="search" aria-label="Calls"><div class="fields">
${text("q", "Words", "“quoted words” together, -word not, word* begins so")}
${text("caller", "Caller", "subject or e-mail")}${text("connection", "Connection")}${text("function", "Function")}
${choice("state", "State", storyStates)}${choice("ending", "Ending", endings)}
${text("from", "From", "2026-01-31 or 2026-01-31T09:00Z")}${text("to", "Before")}
${text("where", "Condition on a field", "votes.voter=dana@example.com, durations.waitingMs>=60000")}
</div><button class="primary">Search</button></form>`;
}

function results(asked: Asked, { stories, total, next }: CallsAnswer): Html {
	if (stories.length === 0) return html`<p role="status">No call matches. What just happened may take a moment.</p>`;
	const older = next === undefined ? undefined : `/audit?${new URLSearchParams({ ...asked, cursor: next })}`;
	return html`<p role="status">${stories.length} of ${total.exact ? "" : "more than "}${total.value} calls${"cursor" in asked ? ", further down" : ", newest first"}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Calls that match"><table><thead><tr>${[
		"Received",
		"Function",
		"Caller",
		"Decision",
		"Approved by",
		"Ended",
		"Took",
	].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${stories.map(row)}</tbody></table></div>
${older !== undefined && html`<p><a rel="next" href="${older}">Older calls</a></p>`}`;
}

function row(story: Story): Html {
	const { call, receivedAt, connection, function: name, caller, decision, approvedBy = [], ending, state, durations } = story;
	return html`<tr><th scope="row"><a href="/audit/calls/${encodeURIComponent(call)}">${time(receivedAt) ?? call}</a></th>
<td>${connection ?? ""}.${name ?? ""}</td><td>${person(caller)}</td>
<td>${decision && [html`<b>${decision.effect}</b> `, decision.rules.join(", ")]}</td><td>${approvedBy.join(", ")}</td>
<td><span class="state ${ending ?? state}">${ending ?? state}</span></td><td>${durations?.totalMs !== undefined && span(durations.totalMs)}</td></tr>`;
}
