// For the file vault's tests: a process that sets secrets one after the other and says each when it is set.
import { openVault } from "./vault-file.ts";

const [file = "", keyFile = "", prefix = "", count = "0"] = process.argv.slice(2);
const vault = await openVault({ file, keyFile });
for (let n = 0; n < Number(count); n += 1) {
	await vault.set(`${prefix}-${n}`, `value of ${prefix}-${n}`);
	process.stdout.write(`${prefix}-${n}\n`);
}
