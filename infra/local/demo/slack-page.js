// The Slack stand-in's page in the browser: shows what is new by itself, and asks before a button that wants confirming. Without it the page still works.
const dialog = document.getElementById("confirm");

document.addEventListener("submit", (event) => {
	const form = event.target;
	if (form.dataset.confirm && !form.dataset.confirmed) {
		event.preventDefault();
		return ask(form, JSON.parse(form.dataset.confirm));
	}
	// The app has three seconds to answer: no second click meanwhile. After the event, or the button's own address would be dropped.
	setTimeout(() => {
		for (const button of form.querySelectorAll("button")) button.disabled = true;
	});
});

document.addEventListener("change", (event) => {
	if (event.target.name === "as") event.target.form.submit();
});

function ask(form, texts) {
	const [deny, confirm] = dialog.querySelectorAll("button");
	dialog.querySelector("h2").textContent = texts.title;
	dialog.querySelector("p").textContent = texts.text;
	deny.textContent = texts.deny;
	confirm.textContent = texts.confirm;
	deny.onclick = () => dialog.close();
	confirm.onclick = () => {
		dialog.close();
		form.dataset.confirmed = "yes";
		form.requestSubmit();
	};
	dialog.showModal();
}

/** Waits for the next change, then takes over the parts that changed. Someone who is typing or confirming is left alone until done. */
async function follow() {
	let version = Number(document.body.dataset.version);
	for (;;) {
		try {
			const answer = await fetch(`/_demo/wait?since=${version}`);
			const next = (await answer.json()).version;
			const busy = dialog.open || document.querySelector("#modal form") || document.querySelector("button:disabled");
			if (next !== version && !busy) {
				const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
				for (const part of ["main", "nav ul", "#modal"]) document.querySelector(part).replaceWith(page.querySelector(part));
				toEnd();
				version = next;
			} else if (busy) {
				await new Promise((resolve) => setTimeout(resolve, 500));
			}
		} catch {
			await new Promise((resolve) => setTimeout(resolve, 2000));
		}
	}
}

function toEnd() {
	const messages = document.querySelector(".messages");
	messages.scrollTop = messages.scrollHeight;
}

toEnd();
follow();
