// `npm run slowness`: searches long for the slowest text of each reader, and prints the worst of each: what is repeated, characters, milliseconds.
import { parseArgs } from "node:util";
import { parts } from "./parts.ts";
import { searchSlowest, sizes } from "./search.ts";

const { values } = parseArgs({
	options: {
		rounds: { type: "string", default: "400" },
		seed: { type: "string", default: "1" },
		chars: { type: "string", default: String(sizes.here) },
		only: { type: "string", default: "" },
		help: { type: "boolean", default: false },
	},
});
if (values.help) {
	process.stdout.write(`Usage: npm run slowness -- [options]

  --rounds N   how long to look at each reader (default: 400)
  --chars N    length of the texts (default: ${sizes.here}, the most that is read in the main thread)
  --seed N     what the search begins with follows from it (default: 1)
  --only TEXT  only readers with this in their name
  --help       this text
`);
	process.exit(0);
}
const options = { rounds: Number(values.rounds), seed: Number(values.seed), chars: Number(values.chars) };
let failed = 0;
process.stdout.write("| part | repeated | characters | ms | looks a character |\n|---|---|---:|---:|---:|\n");
for (const part of parts) {
	if (!part.name.includes(values.only)) continue;
	const { unit, chars, milliseconds, looks, looksMax } = searchSlowest(part, options);
	if (looks >= looksMax) failed++;
	const shown = JSON.stringify(unit).slice(0, 60).replaceAll("|", "\\|");
	process.stdout.write(
		`| ${part.name.replaceAll("|", "\\|")} | ${shown} | ${chars} | ${milliseconds.toFixed(2)} | ${Math.round(looks)} |\n`,
	);
}
process.exit(failed > 0 ? 1 : 0);
