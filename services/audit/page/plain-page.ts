// Pages that only say something: sign in, you may not, that did not work.
import { html } from "#libs/service/html.ts";
import { layout, type PageAbout } from "./layout.ts";

export function messagePage(about: PageAbout, text: string, more?: string): string {
	return layout(about, [html`<p>${text}</p>`, more !== undefined && html`<p>${more}</p>`]);
}

/** @param back where to go then, a path of the page's own */
export function signInPage(back: string, ended?: string): string {
	return layout({ title: "Sign in" }, [
		ended !== undefined && html`<p role="status">${ended}</p>`,
		html`<p>The record is for auditors: members of the group <code>auditors</code>. That they read it is on the record too.</p>
<p><a class="button primary" href="/audit/sign-in?${new URLSearchParams({ to: back }).toString()}">Sign in</a></p>`,
	]);
}

/** Somebody else's page led here. Nothing is read before the auditor says that they want it: the reading would be recorded as theirs. */
export function fromElsewherePage(address: string): string {
	return layout(
		{ title: "From another site" },
		html`<p>Another site led here. What you read is recorded as yours.</p><p><a class="button primary" href="${address}">Open it</a></p>`,
	);
}
