// The audit page's script: steps of a call one after the other. Without it everything is there, all at once.

const steps = [...document.querySelectorAll("#steps > li")];
const controls = document.getElementById("replay-controls");

if (controls && steps.length > 0) {
	const told = controls.querySelector("output");
	let at = steps.length - 1;
	const show = (to, isAsked = true) => {
		at = Math.max(0, Math.min(steps.length - 1, to));
		for (const [nth, step] of steps.entries()) {
			step.hidden = nth > at;
			step.toggleAttribute("aria-current", false);
		}
		steps[at].setAttribute("aria-current", "step");
		told.textContent = `Step ${at + 1} of ${steps.length}: ${steps[at].querySelector("h3").textContent}`;
		if (isAsked) steps[at].scrollIntoView({ block: "nearest" });
	};
	const moves = { first: () => 0, back: () => at - 1, next: () => at + 1, all: () => steps.length - 1 };
	controls.hidden = false;
	controls.addEventListener("click", ({ target }) => {
		const move = moves[target.value];
		if (move) show(move());
	});
	// A link of the timeline leads to a step that may not be shown yet.
	const follow = () => {
		const nth = steps.findIndex((step) => `#${step.id}` === location.hash);
		if (nth < 0) return;
		if (nth > at) show(nth);
		steps[nth].focus();
	};
	addEventListener("hashchange", follow);
	show(at, false);
	follow();
}
