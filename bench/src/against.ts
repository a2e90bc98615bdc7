/** This checkout and another one, in turn, in one run: what is compared has had the same machine in the same minutes. */
import { resolve } from 'node:path';
import { Street } from '@hero/conformance';
import type { Figure } from './figures.js';
import { type Measured, measuresOf } from './measures.js';
import { client, warmUp } from './plays.js';

export interface Compared {
  name: string;
  unit: string;
  /** Medians over the rounds. */
  here: number;
  there: number;
  /** Here / there, round by round: smallest, median, largest. */
  ratio: [number, number, number];
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The other checkout must be built. */
export async function against(path: string, words: readonly string[], rounds: number): Promise<Compared[]> {
  const options = { executors: 1, slots: 16, ownPostgres: true };
  await using here = await Street.start(options);
  await using there = await Street.start({ ...options, root: resolve(path) });
  const streets: Measured[] = [here, there].map((street) => ({ street, hero: client(street) }));
  for (const { hero } of streets) await warmUp(hero);
  const taken = new Map<string, { unit: string; values: [number[], number[]] }>();
  for (const [name, measure] of measuresOf(words)) {
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const on = streets[side];
        if (!on) continue;
        process.stderr.write(`${name}, round ${round + 1}, ${side === 0 ? 'here' : 'there'} …\n`);
        for (const figure of await measure(on)) note(taken, figure, side);
      }
    }
  }
  for (const { hero } of streets) hero.close();
  return [...taken].map(([name, { unit, values }]) => {
    const [ours, theirs] = values;
    const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
    const ratio: Compared['ratio'] = [Math.min(...ratios), middle(ratios), Math.max(...ratios)];
    return { name, unit, here: middle(ours), there: middle(theirs), ratio };
  });
}

function note(
  taken: Map<string, { unit: string; values: [number[], number[]] }>,
  { name, unit, p50 }: Figure,
  side: 0 | 1,
): void {
  const entry = taken.get(name) ?? { unit, values: [[], []] as [number[], number[]] };
  entry.values[side].push(p50);
  taken.set(name, entry);
}

/** A ratio of a time below 1 is quicker here; of a rate above 1. */
export const comparison = (rows: readonly Compared[]): string =>
  rows
    .map(({ name, unit, here, there, ratio }) => {
      const [least, mid, most] = ratio.map((value) => value.toFixed(2));
      const figures = `${here.toFixed(2).padStart(10)} ${there.toFixed(2).padStart(10)} ${unit.padEnd(8)}`;
      return `${name.padEnd(52)} ${figures} × ${mid} (${least}–${most})`;
    })
    .join('\n');
