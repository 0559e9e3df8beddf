#!/usr/bin/env node
// The `callgate` executable: runs the command line on the Node 24 that the project brings, whatever Node the machine has.
process.argv.splice(2, 0, "cli/main.ts");
// Relative files belong to the folder of whoever types the command, not to the one where npm was started.
process.env.INIT_CWD = process.cwd();
await import("../infra/local/bootstrap.mjs");
