// What policy has done in another thread where the arguments are large.
import { decideOpened } from "#libs/policy/decide-opened.ts";
import { job } from "#libs/service/aside-job.ts";

export const decideLarge = job(decideOpened);
