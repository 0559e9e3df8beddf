// What a client is given to come back with when a server asked it something: sealed, of one caller and one function, for a while.
import { type Caller, callIdPattern } from "#libs/contracts/call.ts";
import { type AskedState, SealBroken, type SealingKeys } from "#libs/contracts/sealed.ts";

/** Whose it is. */
export interface StateOwner {
	readonly caller: Pick<Caller, "issuer" | "subject">;
	readonly connection: string;
	readonly function: string;
}

/** As long as a call may be asked about. */
const stateMsMax = 24 * 3_600_000;

/** @param call in which the server asked */
export function sealState(
	keys: SealingKeys,
	pool: string,
	call: string,
	owner: StateOwner,
	questions: Pick<AskedState, "asked" | "state">,
	now: Date,
): string {
	const { caller, connection, function: name } = owner;
	const { issuer, subject } = caller;
	const until = new Date(now.getTime() + stateMsMax).toISOString();
	const { asked, state } = questions;
	const whole = { caller: { issuer, subject }, connection, function: name, asked, ...(state !== undefined && { state }), until };
	return `${call}.${keys.seal(pool, call, "state", whole)}`;
}

const callId = new RegExp(callIdPattern);

/** Undefined where it was changed, is another caller's or of another function, or is too old. */
export function openState(keys: SealingKeys, pool: string, owner: StateOwner, token: string, now: Date): AskedState | undefined {
	const at = token.indexOf(".");
	const call = token.slice(0, Math.max(at, 0));
	if (!callId.test(call)) return undefined;
	try {
		const state = keys.open(pool, call, "state", token.slice(at + 1));
		const { caller, connection, function: name, until } = state;
		const isSame = caller.issuer === owner.caller.issuer && caller.subject === owner.caller.subject;
		const isHere = connection === owner.connection && name === owner.function;
		return isSame && isHere && Date.parse(until) > now.getTime() ? state : undefined;
	} catch (error) {
		if (error instanceof SealBroken) return undefined;
		throw error;
	}
}
