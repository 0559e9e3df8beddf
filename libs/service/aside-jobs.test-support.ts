// Jobs for the tests of work-aside.ts.
import { Refusal } from "#libs/contracts/problems.ts";
import { job } from "./aside-job.ts";

export const urlOf = job((configuration, connection: string) => configuration.connection(connection)?.transport.url);

export const refuse = job((_configuration, detail: string) => {
	throw new Refusal("invalid_arguments", { detail });
});

export const fail = job((_configuration, message: string) => {
	throw new Error(message);
});

export const forEver = job(() => {
	for (;;);
});
