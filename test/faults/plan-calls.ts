// What the load client will ask for, call by call: who, how much, how the function behaves, who approves. Everything follows from seed and number.
import { createRandom, type Random } from "./random.ts";

/** What must come of a call if nothing is in the way. */
export type Path = "allow" | "approve" | "approve-by-two" | "reject" | "expire" | "cancel" | "race" | "race-expiry" | "deny";

/** How the bank behaves. */
export type Behaviour = "ok" | "slow" | "hang" | "drip" | "drop" | "reset" | "endless" | "lie" | "bomb" | "redirect" | "error";

export interface PlannedVote {
	readonly person: "dana" | "frank" | "erin" | "mallory";
	readonly verdict: "approve" | "reject";
	readonly via: "api" | "slack";
	/** Not before the question has waited this long. */
	readonly afterMs?: number;
}

export interface PlannedCall {
	readonly number: number;
	/** Names the call to the bank, which sees no call id. No digits: those could be taken for something to mask. */
	readonly reference: string;
	readonly caller: "ci" | "dana";
	/** Asked for as a call, through the proxy as the function itself, or as a tool of MCP, where calls have no keys. */
	readonly via: "calls" | "proxy" | "mcp";
	readonly path: Path;
	readonly function: "pay" | "payOnce" | "tell";
	readonly amount: number;
	readonly behaviour: Behaviour;
	/** Idempotency key. */
	readonly key?: string | undefined;
	/** Equal requests at once; more than one only with a key. */
	readonly copies: number;
	/** Seconds of `Prefer: wait`; 0 asks for the address alone. */
	readonly waitSeconds: number;
	readonly votes: readonly PlannedVote[];
	/** Its caller cancels it after this long. */
	readonly cancelAfterMs?: number;
}

/** Nobody may ask about it by name: its caller waits for as long as the function may take and longer. It is claimed in the ledger. */
export const ordinary = { key: undefined, copies: 1, waitSeconds: 20 } as const;
/** Its caller is answered with its address: it has subjects of its own. */
export const addressed = { copies: 1, waitSeconds: 0 } as const;

/** Bounds of the policy in configuration.ts, said once more here: the checker must not believe the product's own reading of it. */
export const allowedUpTo = 1_000;
const amounts: Readonly<Record<Path, readonly [least: number, span: number]>> = {
	allow: [1, allowedUpTo],
	approve: [1_001, 3_999],
	reject: [1_001, 3_999],
	cancel: [1_001, 3_999],
	race: [1_001, 3_999],
	expire: [6_000, 999],
	"race-expiry": [6_000, 999],
	"approve-by-two": [7_000, 999],
	deny: [9_001, 900],
};

/** How long the question stands whose amount is among those of `expire`. */
export const soonOverMs = 60_000;

/** How many people the policy wants for an amount; 0 where it asks nobody. */
export function approversFor(amount: number): number {
	if (amount <= allowedUpTo || amount > 9_000) return 0;
	return amount >= 7_000 && amount < 8_000 ? 2 : 1;
}

/** Letters for digits. */
function spelled(number: number): string {
	return [...String(number)].map((digit) => "abcdefghij"[Number(digit)] ?? "x").join("");
}

export interface PlanTerms {
	readonly seed: number;
	/** How many there will be. */
	readonly calls: number;
}

/** @param wanted this path instead of one by chance. */
export function planCall({ seed, calls }: PlanTerms, number: number, wanted?: Path): PlannedCall {
	const random = createRandom(seed, `call ${number}`);
	const drawn = random.weighted<Path>([
		["allow", 58],
		["approve", 12],
		["approve-by-two", 4],
		["reject", 5],
		// Nobody can decide in less than a minute: the end of a run need not wait for that.
		["expire", number < calls / 4 ? 12 : 0],
		["race-expiry", number < calls / 4 ? 8 : 0],
		["cancel", 5],
		["race", 6],
		["deny", 5],
	]);
	const path = wanted ?? drawn;
	const [least, span] = amounts[path];
	const held = path !== "allow" && path !== "deny";
	// Most calls of others are ordinary ones: so many at once that their claims share messages and executors collide.
	const keyed = random.chance(held ? 0.5 : 0.25);
	const reference = `ref-${spelled(seed)}-${spelled(number)}`;
	const cancels = path === "cancel" || (path === "race" && random.chance(0.4));
	return {
		...{ number, reference, path },
		// Nobody decides on their own call, and two others are not there: dana asks only where one other is enough.
		caller: path === "approve" && random.chance(0.2) ? "dana" : "ci",
		function: random.weighted([
			["pay", 70],
			["payOnce", 18],
			["tell", 12],
		] as const),
		amount: least + random.integer(span),
		behaviour: behaviourOf(random),
		...(keyed && { key: `key-${seed}-${number}` }),
		copies: keyed && random.chance(0.1) ? 2 + random.integer(4) : 1,
		waitSeconds: held ? random.pick([0, 0, 0, 5]) : random.pick([0, 20, 20, 20]),
		votes: votesOf(path, random),
		via: random.chance(0.3) ? "proxy" : !keyed && random.chance(0.2) ? "mcp" : "calls",
		...(cancels && { cancelAfterMs: random.integer(path === "race" ? 600 : 4_000) }),
	};
}

function behaviourOf(random: Random): Behaviour {
	if (random.chance(0.85)) return "ok";
	return random.pick(["slow", "slow", "hang", "drip", "drop", "reset", "endless", "lie", "bomb", "redirect", "error"] as const);
}

function votesOf(path: Path, random: Random): PlannedVote[] {
	const via = () => random.pick(["api", "slack"] as const);
	// A reason is asked of who rejects: that is the API's part here.
	const approve = (person: PlannedVote["person"]): PlannedVote => ({ person, verdict: "approve", via: via() });
	const reject: PlannedVote = { person: "frank", verdict: "reject", via: "api" };
	const stranger = random.chance(0.15) ? [approve(random.pick(["erin", "mallory"] as const))] : [];
	switch (path) {
		case "approve":
			// Where dana asks herself, her own vote must not count.
			return [...stranger, approve("dana"), approve("frank")];
		case "approve-by-two":
			return [...stranger, approve("dana"), approve("frank")];
		case "reject":
			return [...stranger, reject];
		case "race":
			return random.chance(0.5) ? [approve("dana"), reject] : [approve("frank"), approve("dana")];
		case "expire":
			return stranger;
		case "race-expiry":
			// At the very moment at which the time is over, give or take what a click and a sweep take.
			return [{ ...approve("dana"), via: "api", afterMs: soonOverMs - 1_500 + random.integer(2_000) }];
		case "allow":
		case "deny":
			return [];
		case "cancel":
			// A caller that never learnt the call's id cannot cancel it.
			return [{ ...reject, afterMs: 15_000 }];
	}
}
