// Chance that can be repeated: everything a fault run decides follows from its seed.
import { seededChance } from "../support/seeded-chance.ts";

export interface Random {
	/** From 0 up to but not including `below`. */
	integer(below: number): number;
	/** True with this probability. */
	chance(probability: number): boolean;
	pick<T>(from: readonly [T, ...T[]]): T;
	/** By weight: `[["often", 9], ["seldom", 1]]`. */
	weighted<T>(from: readonly (readonly [T, number])[]): T;
}

/** Seeded by number and name, so that what one part draws changes nothing for another. */
export function createRandom(seed: number, name: string): Random {
	let state = seed >>> 0;
	for (const character of name) state = Math.imul(state ^ character.charCodeAt(0), 0x9e3779b1) >>> 0;
	const next = seededChance(state);
	const integer = (below: number) => Math.floor(next() * below);
	return {
		integer,
		chance: (probability) => next() < probability,
		pick: (from) => from[integer(from.length)] ?? from[0],
		weighted: (from) => {
			let left = next() * from.reduce((sum, [, weight]) => sum + weight, 0);
			for (const [one, weight] of from) {
				left -= weight;
				if (left < 0) return one;
			}
			const [last] = from.at(-1) ?? [];
			if (last === undefined) throw new RangeError("nothing to choose from");
			return last;
		},
	};
}
