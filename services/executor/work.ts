// What the executor has done in another thread where arguments or an answer are large. Credentials and the process's keys stay where they are; those of one
// caller's session go along.
import { job, plainJob } from "#libs/service/aside-job.ts";
import { readPage } from "./dial-mcp/read-page.ts";
import { maskNamed } from "./mask-answer.ts";
import { readGranted } from "./read-granted.ts";

export const readLarge = job(readGranted);
export const maskLarge = job(maskNamed);
export const readLargePage = plainJob(readPage);
