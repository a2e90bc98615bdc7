/**
 * Holds what happened in a chaos run against the invariants: files of effects, outputs, accepted answers, and the tables.
 *
 * C1 every play that was accepted is final, and a success unless it was cancelled (I1)
 * C2 no effect of a committed step begins after its commit (I3); C3 all its effects carry one key (I4)
 * C4 what the flow returned is what was committed, and all of it: a replay saw the same values (I3, I9)
 * C5 what a pause returned is the one answer that was accepted for it, or its default where none was (I5)
 * C6 nothing is committed in a play after its end (I2, I6); C7 an at_most_once step ran once, unless somebody decided otherwise
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeroClient, shapes } from '@hero/openrpc';
import { checkHistories, checkInvariants } from '../invariants.js';
import type { Street } from '../street.js';

export interface Started {
  sid: string;
  label: string;
  ids: string[];
  cancelled: boolean;
}

/** What somebody was told of the answers that he gave, by the name of the question. */
export interface Given {
  accepted: shapes.Json[];
  /** Accepted answers whose reply was lost count as possible. */
  possible: shapes.Json[];
}

export interface Findings {
  steps: number;
  effects: number;
  repeated: number;
  violations: string[];
}

interface Effect {
  key: string;
  atMs: number;
}

export async function check(
  street: Street,
  hero: HeroClient,
  folder: string,
  started: readonly Started[],
  answers: ReadonlyMap<string, Given>,
): Promise<Findings> {
  const violations: string[] = [];
  const effects = await effectsIn(folder);
  const steps = await street.sql<{ play_sid: string; name: string; outcome: unknown; kind: string; at: Date }>(
    `SELECT play_sid, name, outcome, kind, committed_at AS at FROM registry.steps
     WHERE name IN ('mark', 'mark_async', 'flaky', 'patient', 'once', 'gate') AND kind = 'value'
       AND play_sid NOT IN (SELECT sid FROM registry.plays WHERE forked_from IS NOT NULL)`,
  );
  const committed = new Map<string, { value: unknown; at: number; name: string; play_sid: string }>();
  for (const { play_sid, outcome, at, name } of steps) {
    if (!Array.isArray(outcome)) continue; // decided by hand
    const [id, value] = outcome as [string, unknown];
    if (committed.has(id)) violations.push(`C4 the step ${id} is committed twice`);
    committed.set(id, { value, at: at.getTime(), name, play_sid });
  }
  let repeated = 0;
  let all = 0;
  const runs = await street.sql<{ play_sid: string; n: number }>(
    `SELECT play_sid, count(*)::int AS n FROM registry.resumes
     WHERE name LIKE 'decide:%' AND payload ->> 'action' = 'run' GROUP BY play_sid`,
  );
  const runAgain = new Map(runs.map(({ play_sid, n }) => [play_sid, n]));
  for (const [id, own] of effects) {
    all += own.length;
    repeated += own.length - 1;
    if (new Set(own.map(({ key }) => key)).size > 1) violations.push(`C3 ${id} ran under different keys`);
    const step = committed.get(id);
    if (!step) continue;
    for (const { atMs } of own) {
      if (atMs > step.at + 1) violations.push(`C2 ${id} ran ${(atMs - step.at).toFixed(1)} ms after its commit`);
    }
    if (step.name === 'once' && own.length > 1 + (runAgain.get(step.play_sid) ?? 0))
      violations.push(`C7 ${id} ran ${own.length} times`);
  }
  for (const play of started) violations.push(...(await checkPlay(hero, play, committed, answers)));
  violations.push(
    ...(
      await street.sql<{ play_sid: string; name: string }>(
        `SELECT s.play_sid, s.name FROM registry.steps s JOIN registry.plays p ON p.sid = s.play_sid
       WHERE p.completed_at IS NOT NULL AND s.committed_at > p.completed_at`,
      )
    ).map(({ play_sid, name }) => `C6 ${name} of play ${play_sid} was committed after its end`),
  );
  violations.push(...(await checkInvariants(street.databaseUrl)));
  violations.push(
    ...(await checkHistories(
      hero,
      started.map(({ sid }) => sid),
    )),
  );
  return { steps: committed.size, effects: all, repeated, violations };
}

async function checkPlay(
  hero: HeroClient,
  { sid, label, ids, cancelled }: Started,
  committed: ReadonlyMap<string, { value: unknown }>,
  answers: ReadonlyMap<string, Given>,
): Promise<string[]> {
  const play = await hero.play_status({ play_sid: sid });
  if (play.status === 'cancelled' && cancelled) return [];
  if (play.status !== 'success') return [`C1 play ${sid} (${label}) is ${play.status}: ${JSON.stringify(play.error)}`];
  const faults: string[] = play.diverged ? [`C4 play ${sid} diverged: ${JSON.stringify(play.diverged)}`] : [];
  const output = play.output_data as [string, unknown][];
  const seen = output.map(([id]) => id);
  if (JSON.stringify(seen) !== JSON.stringify(ids))
    faults.push(`C4 play ${sid} returned ${seen.join()} instead of ${ids.join()}`);
  for (const [id, value] of output) {
    const step = committed.get(id);
    const given = answers.get(id);
    const told = Array.isArray(value) && value[0] === id ? value[1] : value;
    if (!step && typeof told === 'number') faults.push(`C4 play ${sid} returned ${id}, which is not committed`);
    if (step && !same(step.value, told) && typeof told === 'number') {
      faults.push(`C4 play ${sid} saw ${JSON.stringify(told)} at ${id}, committed is ${JSON.stringify(step.value)}`);
    }
    if (given) {
      const open = given.accepted.length > 0 ? given.accepted : given.possible;
      if (given.accepted.length > 1) faults.push(`C5 ${id} has ${given.accepted.length} accepted answers`);
      const defaulted = value === 'default' && given.accepted.length === 0;
      if (
        !defaulted &&
        !open.some((answer) => same(answer, value)) &&
        !given.possible.some((answer) => same(answer, value))
      ) {
        faults.push(`C5 ${id} saw ${JSON.stringify(value)}, accepted was ${JSON.stringify(given.accepted)}`);
      }
    }
  }
  return faults;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

async function effectsIn(folder: string): Promise<Map<string, Effect[]>> {
  const found = new Map<string, Effect[]>();
  for (const file of await readdir(folder)) {
    if (file.includes('.') || file.endsWith('-go')) continue;
    for (const line of (await readFile(join(folder, file), 'utf8')).split('\n')) {
      const [id, key, ns] = line.split(' ');
      if (!id || !key || !ns) continue;
      const own = found.get(id) ?? [];
      own.push({ key, atMs: Number(ns) / 1e6 });
      found.set(id, own);
    }
  }
  return found;
}
