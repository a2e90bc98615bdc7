/**
 * `npm run bench [-- NAME …]`: measures the whole street on this machine, everything in one run, medians and ratios. Prints a
 * table, and writes the same as JSON to `bench/results/`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Street } from '@hero/conformance';
import { type Figure, table } from './figures.js';
import { machine, memory, warmStart } from './machine.js';
import {
  client,
  commitFloor,
  durableSteps,
  fanOut,
  pauseToRunning,
  pipelinedSteps,
  spanToSse,
  spawnedChildren,
  trivialPlays,
  warmUp,
} from './plays.js';
import { spansIntoPostgres } from './spans.js';

const asked = process.argv.slice(2);
const figures: Figure[] = [];
const measure = async (name: string, run: () => Promise<Figure | Figure[]>): Promise<void> => {
  if (asked.length > 0 && !asked.some((word) => name.includes(word))) return;
  process.stderr.write(`${name} …\n`);
  figures.push(...[await run()].flat());
};

{
  await using street = await Street.start({ executors: 1, slots: 16, ownPostgres: true });
  const hero = client(street);
  const floor = await commitFloor(street.databaseUrl);
  figures.push(floor);
  process.stderr.write('warm-up …\n');
  await warmUp(hero);
  await measure('trivial play', () => trivialPlays(hero));
  await measure('durable step', () => durableSteps(hero, floor));
  await measure('pipelined step', () => pipelinedSteps(hero));
  await measure('spawn', () => spawnedChildren(hero));
  await measure('fan-out and replay', () => fanOut(hero));
  await measure('pause', () => pauseToRunning(street, hero));
  await measure('sse', () => spanToSse(hero));
  await measure('spans', () => spansIntoPostgres(street));
  await measure('memory', () => memory(street));
}
await measure('start', () => warmStart());

process.stdout.write(`\n${machine()}\nsandbox ${process.env.HERO_SANDBOX ?? 'default'}\n\n${table(figures)}\n`);
const folder = resolve(import.meta.dirname, '..', 'results');
await mkdir(folder, { recursive: true });
const file = join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}.json`);
await writeFile(file, JSON.stringify({ machine: machine(), at: new Date().toISOString(), figures }, null, 2));
process.stdout.write(`\n${file}\n`);
