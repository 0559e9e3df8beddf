// Why a caller is not known: one closed list of reasons, for the caller's problem and for the operator's log, metric and event.
import { Refusal } from "./problems.ts";

/** What each reason says to the caller, where nothing more is said. Never a value: a token is a secret, and so may be what stands in it. */
const says = {
	no_token: "no Authorization header was sent",
	several_tokens: "more than one Authorization header was sent",
	token_too_large: "the token is too large",
	not_a_token: "expected `Authorization: Bearer` and one signed JWT",
	issuer_unknown: "the token is refused: its issuer is not trusted here",
	issuer_ambiguous: "the token is refused: its audiences are those of several configured issuers",
	/** The one reason that is not the caller's fault: the problem is `not_ready`. */
	issuer_unavailable: "the token's issuer cannot be asked for its keys now",
	key_unknown: "the token is refused: its key is not one of the issuer's",
	key_unusable: "the token is refused: its key cannot be used",
	key_weak: "the token is refused: its issuer's key is weak, so that others may have signed it",
	algorithm_not_allowed: "the token is refused: its algorithm is not allowed",
	signature_invalid: "the token is refused: its signature or form is not valid",
	type_not_allowed: "the token is refused: its type is not allowed",
	audience_not_allowed: "the token is refused: its claim aud is not as required",
	expired: "the token is refused: it has expired",
	not_yet_valid: "the token is refused: its time has not begun",
	too_old: "the token is refused: it is older than its issuer's tokens may be",
	claim_malformed: "the token is refused: a claim is not as required",
	claim_too_large: "the token is refused: a claim is larger than it may be",
	claim_elsewhere: "the token is refused: it says that a claim is to be asked for elsewhere",
} as const;

export type AuthenticationFailure = keyof typeof says;

interface Details {
	/** Name of the Issuer document that refused; none where the token led to no issuer. */
	readonly issuer?: string | undefined;
	/** Says more than the reason alone (which claim, which bound, which key), to caller and operator alike. Never a value. */
	readonly detail?: string | undefined;
	/** What the operator reads in the place of the detail, because it is not for callers: addresses, and what stands there. */
	readonly inLog?: string | undefined;
}

/** Nobody's token, or one that cannot be judged now. Reason, issuer and inLog are fit for a log line, reason and issuer for a metric. */
export class NotAuthenticated extends Refusal {
	readonly reason: AuthenticationFailure;
	readonly issuer: string | undefined;
	readonly inLog: string;
	constructor(reason: AuthenticationFailure, { issuer, detail = says[reason], inLog }: Details = {}) {
		super(reason === "issuer_unavailable" ? "not_ready" : "unauthenticated", { detail });
		this.reason = reason;
		this.issuer = issuer;
		this.inLog = inLog ?? detail;
	}
}
