// What every page of the audit service has around it, and how it shows times, people and JSON. All of it is text until it stands in a template.
import type { Caller } from "#libs/contracts/call.ts";
import { type Html, type HtmlValue, html, jsonText } from "#libs/service/html.ts";

export interface PageAbout {
	readonly title: string;
	/** Who has signed in. */
	readonly reader?: Pick<Caller, "subject" | "email"> | undefined;
	/** Scripts beside the one that all pages have. */
	readonly scripts?: readonly string[];
}

export function layout({ title, reader, scripts = [] }: PageAbout, content: HtmlValue): string {
	const who =
		reader &&
		html`<form method="post" action="/audit/sign-out"><span>${reader.email ?? reader.subject}</span> <button>Sign out</button></form>`;
	const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} · Callgate audit</title><link rel="icon" href="/audit/icon.svg"><link rel="stylesheet" href="/audit/page.css">${["page.js", ...scripts].map((name) => html`<script src="/audit/${name}" type="module"></script>`)}</head>
<body><a class="skip" href="#main">Skip to content</a><header><nav aria-label="Audit"><a href="/audit" class="home">Callgate audit</a></nav>${who}</header>
<main id="main" tabindex="-1"><h1>${title}</h1>${content}</main></body></html>
`;
	return page.html;
}

/** An instant of the record, in UTC. What is none is shown as it is. */
export function time(instant: unknown): Html | undefined {
	if (typeof instant !== "string") return undefined;
	return html`<time datetime="${instant}">${instant.replace("T", " ").replace("Z", " UTC")}</time>`;
}

export function person(caller: unknown): string {
	const { subject, email } = (caller ?? {}) as Record<string, unknown>;
	return String(email ?? subject ?? "");
}

/** `12 ms`, `3.2 s`, `2 h 03 min`. */
export function span(ms: number): string {
	if (ms < 1_000) return `${ms} ms`;
	if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
	const minutes = Math.floor(ms / 60_000);
	const two = (value: number) => String(value).padStart(2, "0");
	return minutes < 60
		? `${minutes} min ${two(Math.floor((ms % 60_000) / 1_000))} s`
		: `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** Terms and what is said of them; those of which nothing is said are left out. */
export function terms(entries: readonly (readonly [string, HtmlValue])[]): Html {
	const said = entries.filter(([, value]) => value !== undefined && value !== false && value !== "");
	return html`<dl>${said.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Long values scroll in a box of their own, which a keyboard reaches. */
export function json(value: unknown, label: string): Html {
	return html`<pre tabindex="0" role="region" aria-label="${label}">${jsonText(value)}</pre>`;
}
