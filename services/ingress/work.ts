// What ingress has done in another thread where the text is large: reading, checking, masking and writing it out. Nothing here holds a key.
import type { JsonObject } from "#libs/contracts/json.ts";
import { job } from "#libs/service/aside-job.ts";
import { readCall } from "./listen/read-call.ts";
import { readMcp } from "./listen/read-mcp.ts";
import { readProxied } from "./listen/read-proxied.ts";
import { readLargeToolCalls } from "./listen/read-tool-calls.ts";
import { writtenAnswer } from "./listen/write-answer.ts";
import { type Named, prepareNamed } from "./prepare-arguments.ts";

export const prepareCall = job(readCall);
export const prepareRequest = job(readProxied);
export const prepareToolCalls = job(readLargeToolCalls);
export const prepareMcp = job(readMcp);

/** Arguments that were read already: under another revision, or against patterns that are too dear where others wait. */
export const prepareText = job((configuration, { text, ...named }: Named & { readonly text: string }) =>
	prepareNamed(configuration, named, JSON.parse(text) as JsonObject),
);

export const readResult = job((_configuration, text: string) => writtenAnswer(text));
