// The few pages of the identity provider: sign in as one of the demo's people, and the device code's steps.
import { escapeHtml } from "#libs/service/html.ts";
import type { Person } from "./people.ts";

/** A sign-in form that posts `name` and `password` back to its own address. */
export function signInPage(people: readonly Person[], wrong: boolean): string {
	const options = people.map(
		({ name, realName, note }) => `<option value="${escapeHtml(name)}">${escapeHtml(`${realName}, ${note}`)}</option>`,
	);
	return page(
		"Sign in",
		`<form method="post">${wrong ? '<p class="wrong">That is not the password.</p>' : ""}
		<label>Person<select name="name">${options.join("")}</select></label>
		<label>Password<input type="password" name="password" autocomplete="off" autofocus required></label>
		<button>Sign in</button></form>
		<p>The password of the demo's people was printed by <code>npm start</code>.</p>`,
	);
}

/** A page around `form`, which the provider made: it carries its own hidden fields and the id that its button names. */
export function devicePage(title: string, text: string, form: string, formId: string): string {
	return page(title, `<p>${escapeHtml(text)}</p>${form}<button type="submit" form="${escapeHtml(formId)}">Continue</button>`);
}

/** A page that only says something. */
export function messagePage(title: string, text: string): string {
	return page(title, `<p>${escapeHtml(text)}</p>`);
}

function page(title: string, content: string): string {
	return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
	<title>${escapeHtml(title)} · demo identity provider</title><style>
	body{font:16px/1.5 system-ui,sans-serif;background:#f4f4f6;color:#1d1c1d;display:grid;place-items:center;min-height:100vh;margin:0}
	main{background:#fff;padding:2rem;border-radius:12px;box-shadow:0 2px 12px #0002;width:20rem}
	h1{font-size:1.4rem;margin-top:0}label{display:block;margin:.75rem 0}input,select{display:block;width:100%;box-sizing:border-box;padding:.5rem;font:inherit}
	button{width:100%;padding:.6rem;font:inherit;font-weight:600;color:#fff;background:#3b5bdb;border:0;border-radius:6px;margin-top:.5rem}
	.wrong{color:#c92a2a}p{color:#555}</style><main><h1>${escapeHtml(title)}</h1>${content}</main></html>`;
}
