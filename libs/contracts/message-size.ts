// How large one message on the bus may be, and what follows: the longest seal, and the largest answer a connection may let a function give.

const mebibyte = 1_048_576;

/**
 * `max_payload` of NATS. NATS recommends 8 MiB where many messages are large; here a few may be. A file store of
 * JetStream takes records up to 32 MiB.
 */
export const messageBytesMax = 16 * mebibyte;

/** What stands beside a seal in its event: caller, rules and reasons, the masked view, findings, and in a grant the signatures. */
const besideSealBytes = mebibyte;

/** A seal is base64url, so a character is a byte. */
export const sealedCharsMax = messageBytesMax - besideSealBytes;

/**
 * The largest body of an answer that a connection may allow. A seal is 4/3 of what is in it; in it a body that a JSON string would make longer
 * than 4/3 stands in base64 (`passedOn` in services/executor/mask-answer.ts), and the headers take up to 128 KiB. So 8 MiB always fit:
 * what a function may send, and as much again for what becomes longer as it is masked or written in UTF-8.
 */
export const answerBytesMax = 4 * mebibyte;

/** Text of one piece of an answer that comes in pieces. */
export const pieceCharsMax = 256 * 1024;
/** Pieces of one answer: one each tenth of a second for as long as a function may take at most, which is fifteen minutes. */
export const piecesMax = 10_000;
