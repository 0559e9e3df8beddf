// What policy has done in another thread where the arguments are large.
import { job } from "#libs/service/aside-job.ts";
import { decideOpened } from "./decide-opened.ts";

export const decideLarge = job(decideOpened);
