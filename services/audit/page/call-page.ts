// The page of one call: what became of it and why, its steps to scale, one after the other, and where its proof is.
import type { Caller } from "#libs/contracts/call.ts";
import { declarationOf } from "#libs/contracts/events.ts";
import type { Story } from "#libs/contracts/story.ts";
import { type Html, html } from "#libs/service/html.ts";
import type { RecordedEvent } from "../ports.ts";
import { json, layout, person, span, terms, time } from "./layout.ts";

export interface ShownCall {
	readonly call: string;
	/** All of the call's, in the order of the stream. */
	readonly events: readonly RecordedEvent[];
	/** What they tell; undefined where they are only about the call. */
	readonly story: Story | undefined;
	/** The public keys that sign the record. */
	readonly keys: readonly string[];
}

export function callPage(reader: Caller, { call, events, story, keys }: ShownCall): string {
	return layout({ title: `Call ${call}`, reader, scripts: ["proof.js"] }, [
		story && [summary(story), decided(story), votes(story), asked(story, events)],
		timeline(events),
		replay(events),
		proof(call, keys),
	]);
}

function summary(story: Story): Html {
	const {
		connection,
		function: name,
		caller,
		callReason,
		receivedAt,
		via,
		ending,
		state,
		code,
		detail,
		endedAt,
		durations = {},
		answer,
	} = story;
	return html`<section aria-labelledby="what"><h2 id="what">What happened</h2>${terms([
		["Function", `${connection ?? "?"}.${name ?? "?"}`],
		["Caller", caller && [person(caller), html` <small>${caller.email !== undefined && `${caller.subject} `}of ${caller.issuer}</small>`]],
		["Groups", caller?.groups.join(", ")],
		["Because", callReason],
		["Received", [time(receivedAt), via !== undefined && ` through ${via}`]],
		[
			"Ended",
			[html`<span class="state ${ending ?? state}">${ending ?? state}</span> `, code, endedAt !== undefined && [" ", time(endedAt)]],
		],
		["Detail", detail],
		["Function answered", answer && answerWords(answer)],
		["Credential used", story.credential],
		["Executor", story.executor && `${story.executor}${(story.attempts ?? 1) > 1 ? `, ${story.attempts} attempts` : ""}`],
		["In all", ms(durations.totalMs)],
		["Until decided", ms(durations.decidingMs)],
		["With people", ms(durations.waitingMs)],
		["Until dialled", ms(durations.dispatchMs)],
		["With the function", ms(durations.functionMs)],
	])}</section>`;
}

/** By protocol: HTTP's status, or what an MCP server says of its answer. */
function answerWords({ http, mcp }: NonNullable<Story["answer"]>): string {
	if (http) return `HTTP ${http.status}`;
	if (mcp?.code !== undefined) return `error ${mcp.code}`;
	return mcp?.isError ? "that it failed" : "well";
}

function ms(value: number | undefined): string | undefined {
	return value === undefined ? undefined : span(value);
}

function decided({ decision, requirements = [], expiresAt, approvedBy, rules, reasons, revision, digest }: Story): Html {
	const why = [...(decision?.reasons ?? []), ...(reasons ?? [])];
	return html`<section aria-labelledby="why"><h2 id="why">Why</h2>${terms([
		["Policy said", decision && [html`<b>${decision.effect}</b> at `, time(decision.at)]],
		["Rules", (decision?.rules ?? rules ?? []).join(", ")],
		[
			"Reasons",
			why.length > 0 &&
				why.map(
					({ code, rule, message }) => html`<p>${code}${rule !== undefined && ` (${rule})`}${message !== undefined && `: ${message}`}</p>`,
				),
		],
		[
			"Wanted",
			requirements.length > 0 &&
				requirements.map(
					({ rule, anyOf, quorum, reasonRequired }) =>
						html`<p>${quorum} of ${anyOf.join(", ")} for ${rule}${reasonRequired && ", with a reason"}</p>`,
				),
		],
		["Until", time(expiresAt)],
		["Approved by", approvedBy?.join(", ")],
		["Configuration", revision],
		["Digest of the call", digest],
	])}</section>`;
}

function votes({ votes: cast = [] }: Story): Html | undefined {
	if (cast.length === 0) return undefined;
	return html`<section aria-labelledby="votes"><h2 id="votes">Votes</h2><div class="scroll" tabindex="0" role="region" aria-label="Who voted"><table><thead><tr><th scope="col">Voter</th><th scope="col">Verdict</th><th scope="col">When</th><th scope="col">For</th><th scope="col">Reason</th></tr></thead><tbody>${cast.map(
		({ voter, verdict, at, groups, reason }) =>
			html`<tr><th scope="row">${voter}</th><td>${verdict}</td><td>${time(at)}</td><td>${groups.join(", ")}</td><td>${reason ?? ""}</td></tr>`,
	)}</tbody></table></div></section>`;
}

/** Request and answer beside each other, as they were masked when it happened. */
function asked(story: Story, events: readonly RecordedEvent[]): Html {
	const result = events.findLast(({ type }) => type === "call.ended")?.data.result;
	const found = (findings: Story["findings"] = []) =>
		findings.length > 0 &&
		html`<p>Masked: ${findings.map(({ detector, path, count }) => `${detector} at ${path || "/"}${count > 1 ? ` (${count} times)` : ""}`).join(", ")}</p>`;
	return html`<section aria-labelledby="asked"><h2 id="asked">Request and answer, masked</h2><div class="beside">
<div><h3>Arguments</h3>${json(story.arguments, "Arguments, masked")}${found(story.findings)}</div>
<div><h3>Answer</h3>${result === undefined ? html`<p>There is none.</p>` : json(result, "Answer, masked")}${found(story.answerFindings)}</div></div></section>`;
}

/** Units of the drawing's width. */
const width = 400;

/** Each step at its place between the first and the last; attributes of SVG need no style, which the page's policy would refuse. */
function timeline(events: readonly RecordedEvent[]): Html {
	const times = events.map(({ time: at }) => Date.parse(at));
	const [begin, end] = [Math.min(...times), Math.max(...times)];
	const place = (at: number) => (end > begin ? Math.round(((at - begin) / (end - begin)) * (width - 8)) : 0);
	const rows = events.map((event, nth) => {
		const at = times[nth] ?? begin;
		const [from, to] = [place(times[nth - 1] ?? at), place(at)];
		const elapsed = at - begin;
		const bar = html`<svg viewBox="0 0 ${width} 12" preserveAspectRatio="none" role="img" aria-label="${span(elapsed)} of ${span(end - begin)}"><rect class="way" x="${Math.min(from, to) + 3}" y="5" width="${Math.abs(to - from)}" height="2"></rect><rect class="at" x="${to}" y="1" width="8" height="10"></rect></svg>`;
		return html`<tr><th scope="row"><a href="#step-${nth + 1}">${event.type}</a></th><td>${serviceOf(event)}</td><td>${time(event.time)}</td><td class="number">+${span(elapsed)}</td><td class="bar">${bar}</td></tr>`;
	});
	return html`<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2><div class="scroll" tabindex="0" role="region" aria-label="Events to scale"><table class="timeline"><thead><tr>${[
		"Event",
		"Said by",
		"When",
		"After",
		"To scale",
	].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div></section>`;
}

/** Without a script all steps are shown; with it, one more at each press. */
function replay(events: readonly RecordedEvent[]): Html {
	const steps = events.map((event, nth) => {
		const { type, position, item, data } = event;
		return html`<li id="step-${nth + 1}" tabindex="-1" data-position="${position}" data-item="${item}" data-type="${type}" data-time="${event.time}"><h3>${type}</h3><p>${declarationOf(type)?.says ?? "An event that this version does not know."}</p>
<p><small>${time(event.time)}, said by ${serviceOf(event)}, position ${position}, item ${item} of the stream</small></p>${json(data, `Data of ${type}, step ${nth + 1}`)}</li>`;
	});
	return html`<section aria-labelledby="replay"><h2 id="replay">Replay</h2><div id="replay-controls" hidden><button type="button" value="first">From the beginning</button> <button type="button" value="back">Back</button>
<button type="button" value="next" class="primary">Next step</button> <button type="button" value="all">All</button> <output aria-live="polite"></output></div><ol id="steps">${steps}</ol></section>`;
}

/** The browser verifies it by itself; whose keys these are it cannot know, and says so. */
function proof(call: string, keys: readonly string[]): Html {
	const address = `/audit/calls/${encodeURIComponent(call)}/proof`;
	return html`<section aria-labelledby="proof" id="proof-state" data-call="${call}" data-proof="${address}" data-keys="${keys.join(" ")}"><h2 id="proof">Proof</h2>
<p>Each event is a leaf of a tree that is signed and lies outside the index. This browser computes the way from each step’s own bytes to what was signed, checks the signature, and holds what is shown against it.</p>
<p><button type="button" class="primary" disabled>Verify in this browser</button> <output aria-live="polite"></output></p>
<p>Signed by ${keys.map((key) => html`<code>${key}</code> `)}: compare it with the key that you were given. <a href="${address}" download="${call}.proof.json">Save the proof</a> for whoever wants to verify it elsewhere, without Callgate: it has the events’ own bytes, sealed arguments and answers too.</p></section>`;
}

function serviceOf({ source }: RecordedEvent): string {
	return source.replace("/callgate/", "");
}
