/** Every system does the same work in turn, round by round, in one run: what is compared has had the same machine in the same minutes. */
import { performance } from 'node:perf_hooks';
import { commitFloor } from '../plays.js';
import { startDbos } from './dbos.js';
import type { HeroSystem } from './hero.js';
import { startRestate } from './restate.js';
import { COMPARISONS, type Comparison, MISSING, type Row } from './rows.js';
import type { System, SystemId, SystemInfo } from './system.js';

export interface ComparedRow extends Row {
  /** One value a round. */
  readonly values: Partial<Record<SystemId, number[]>>;
  /** Why a system has none. */
  readonly missing: Partial<Record<SystemId, string>>;
}

export interface InTurn {
  readonly systems: SystemInfo[];
  /** One PostgreSQL commit, a median a round. */
  readonly floor: number[];
  readonly rows: ComparedRow[];
  /** CPU milliseconds a trivial play of Hero Logic, 24 at a time. */
  readonly cpu: { process: string; values: number[] }[];
}

/** Starts the peers, and ends them when everything is measured. */
export async function inTurn(hero: HeroSystem, words: readonly string[], rounds: number): Promise<InTurn> {
  await using restate = await startRestate();
  await using dbos = await startDbos('dbos');
  await using python = await startDbos('dbos-python');
  const systems: System[] = [hero, restate, dbos, python];
  for (const system of systems) await warmUp(system);

  const floor: number[] = [];
  const cpu = new Map<string, number[]>();
  const rows: ComparedRow[] = [];
  const chosen = COMPARISONS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  for (const comparison of chosen) {
    const compared = comparison.rows.map((row): ComparedRow => ({ ...row, values: {}, missing: {} }));
    rows.push(...compared);
    for (let round = 0; round < rounds; round++) {
      const commit = (await commitFloor(hero.street.databaseUrl)).p50;
      floor.push(commit);
      // Another one is first in each round.
      for (const system of [...systems.slice(round % 4), ...systems.slice(0, round % 4)]) {
        const began = performance.now();
        const byProcess = await sample(comparison, compared, system, commit);
        const seconds = ((performance.now() - began) / 1_000).toFixed(1);
        process.stderr.write(`${comparison.name}, round ${round + 1}, ${system.name}: ${seconds} s\n`);
        if (system.id !== 'hero') continue;
        for (const [name, ms] of byProcess) cpu.set(name, [...(cpu.get(name) ?? []), ms]);
      }
    }
  }
  return {
    systems: systems.map(({ id, name, version }) => ({ id, name, version })),
    floor,
    rows,
    cpu: [...cpu].map(([process, values]) => ({ process, values })),
  };
}

/** Services that just started run code that V8 has not compiled yet. */
async function warmUp(system: System): Promise<void> {
  process.stderr.write(`warm-up, ${system.name} …\n`);
  await system.run({ work: 'together', count: 600, together: 24 });
  await system.run({ work: 'steps', count: 200 });
}

/** One sample of one system. A work that fails is shown as missing and not tried again; the others go on. */
async function sample(
  { take }: Comparison,
  rows: readonly ComparedRow[],
  system: System,
  floor: number,
): Promise<ReadonlyMap<string, number>> {
  const known = MISSING[system.id] ?? {};
  for (const row of rows) if (known[row.key] !== undefined) row.missing[system.id] = known[row.key];
  if (rows.every((row) => row.missing[system.id] !== undefined)) return new Map();
  try {
    const { values, cpu = new Map() } = await take(system, floor);
    for (const row of rows) {
      const value = values[row.key];
      if (value !== undefined) (row.values[system.id] ??= []).push(value);
    }
    return cpu;
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    for (const row of rows) row.missing[system.id] ??= 'failed';
    return new Map();
  }
}
