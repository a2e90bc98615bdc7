/**
 * `npm run bench [-- NAME …]`: measures the whole street on this machine, everything in one run, medians and ratios. Prints a
 * table, and writes the same as JSON to `bench/results/`. With `--against PATH` (another checkout, built) both are measured in turn;
 * with `--peers`, Restate and DBOS do the same work in turn with ours, and `npm run figures -- FILE` makes docs/figures.md of it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Street } from '@hero/conformance';
import { against, comparison } from './against.js';
import { atRest } from './at-rest.js';
import { type Figure, table } from './figures.js';
import { machine, warmStart } from './machine.js';
import { measuresOf } from './measures.js';
import { summary } from './peers/page.js';
import { withPeers } from './peers/results.js';
import { packages } from './packages.js';
import { client, warmUp } from './plays.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    against: { type: 'string' },
    peers: { type: 'boolean', default: false },
    rounds: { type: 'string' },
  },
});
const sandbox = process.env.HERO_SANDBOX ?? 'default';

if (values.against !== undefined) {
  const rows = await against(values.against, positionals, Number(values.rounds ?? 3));
  process.stdout.write(`\n${machine()}\nsandbox ${sandbox}; here, there, here / there\n\n${comparison(rows)}\n`);
  await keep({ machine: machine(), at: new Date().toISOString(), against: rows });
} else if (values.peers) {
  // Whatever hangs: what was started ends with this process.
  setTimeout(() => process.exit(1), 2 * 3_600_000).unref();
  const results = await withPeers(positionals, Number(values.rounds ?? 5), sandbox);
  process.stdout.write(`\n${summary(results)}\n`);
  await keep(results);
} else {
  const figures = await alone();
  process.stdout.write(`\n${machine()}\nsandbox ${sandbox}\n\n${table(figures)}\n`);
  await keep({ machine: machine(), at: new Date().toISOString(), figures });
}

async function alone(): Promise<Figure[]> {
  if (positionals.includes('packages')) return packages();
  const figures: Figure[] = [];
  {
    await using street = await Street.start({ executors: 1, slots: 16, ownPostgres: true });
    const hero = client(street);
    process.stderr.write('warm-up …\n');
    await warmUp(hero);
    for (const [name, measure] of measuresOf(positionals)) {
      process.stderr.write(`${name} …\n`);
      figures.push(...(await measure({ street, hero })));
    }
    hero.close();
  }
  if (positionals.length === 0 || positionals.includes('start')) figures.push(await warmStart());
  if (positionals.length === 0 || positionals.includes('rest')) figures.push(...(await atRest()));
  return figures;
}

async function keep(result: object): Promise<void> {
  const folder = resolve(import.meta.dirname, '..', 'results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}.json`);
  await writeFile(file, JSON.stringify(result, null, 2));
  process.stdout.write(`\n${file}\n`);
}
