// The page of a call: holds what it shows against what was signed, when the auditor asks for it.
import { isPartOf, NotVerified, verifyProof } from "./verify-proof.js";

const section = document.getElementById("proof-state");
const button = section.querySelector("button");
const told = section.querySelector("output");
const steps = [...document.querySelectorAll("#steps > li")];

async function verify() {
	const answer = await fetch(section.dataset.proof, { headers: { accept: "application/json" } });
	if (!answer.ok) throw new NotVerified(`the proof cannot be had now (${answer.status})`);
	const proof = await answer.json();
	if (proof.call !== section.dataset.call) throw new NotVerified("the proof is of another call");
	const { events, size, by } = await verifyProof(proof, section.dataset.keys.split(" "));
	let proven = 0;
	for (const step of steps) {
		const { position, item, type, time } = step.dataset;
		const signed = events.find((event) => String(event.position) === position && String(event.item) === item);
		if (!signed) continue;
		const shown = JSON.parse(step.querySelector("pre").textContent);
		if (signed.type !== type || signed.time !== time || !isPartOf(shown, signed.data))
			throw new NotVerified(`step ${steps.indexOf(step) + 1} is shown differently from what was signed`);
		proven++;
	}
	const rest = steps.length - proven;
	return {
		state: rest === 0 ? "verified" : "waiting",
		words: `${proven} of ${steps.length} steps are in the tree of ${size} records that ${by} signed, as they are shown here.${
			rest === 0 ? "" : " The others are not signed yet, or not about the call alone: try again in a moment."
		}`,
	};
}

button.disabled = false;
button.addEventListener("click", async () => {
	button.disabled = true;
	told.className = "state";
	told.textContent = "Verifying…";
	try {
		const { state, words } = await verify();
		told.className = `state ${state}`;
		told.textContent = `${state === "verified" ? "Verified. " : ""}${words}`;
	} catch (error) {
		told.className = "state wrong";
		told.textContent =
			error instanceof NotVerified
				? `Not verified: ${error.message}.`
				: "It could not be verified: this browser, or the connection, failed.";
	}
	button.disabled = false;
});
