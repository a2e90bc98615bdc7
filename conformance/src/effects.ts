import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connected } from '@hero/testing';

/**
 * A flow in which every step has a visible effect: it appends one line to the play's file in a mounted folder. After that the
 * step takes `paceMs` on average, so that many steps are cut between their effect and their commit.
 */
export const effectsSource = (steps: number, paceMs: number): string => `
import os, random, time
from hero_tracing import flow

@flow(name="append")
def append(folder, label, index):
    with open(os.path.join(folder, label), "a") as out:
        out.write(f"{index} {flow.current_step.key} {time.time_ns()}\\n")
    time.sleep(random.random() * ${paceMs / 500})
    return index

@flow(name="effects", inputs={"folder": {"type": "string", "required": True}, "label": {"type": "string", "required": True}})
def main(folder, label):
    return sum(append(folder, label, index) for index in range(${steps}))
`;

interface Effect {
  index: number;
  key: string;
  atMs: number;
}

export interface EffectsReport {
  plays: number;
  steps: number;
  /** Number of effects beyond the first of a step; each is from a run that was cut between its effect and its commit. */
  repeated: number;
  violations: string[];
}

/**
 * Compares the effects in the mounted folder with the committed steps.
 *
 * E1 every step of every play is committed, and took effect at least once
 * E2 no effect of a step begins after that step was committed (I3)
 * E3 all effects of a step carry the same key (I4), and no two steps share one
 * E4 every play is `success` (I1), and its history has one end
 */
export async function checkEffects(
  databaseUrl: string,
  folder: string,
  labels: ReadonlyMap<string, string>,
  steps: number,
): Promise<EffectsReport> {
  await using held = await connected(databaseUrl);
  const { db } = held;
  const report: EffectsReport = { plays: labels.size, steps: 0, repeated: 0, violations: [] };
  const fault = (text: string): void => void report.violations.push(text);
  const files = new Set(await readdir(folder));
  for (const [label, sid] of labels) {
    const play = (await db.query<{ status: string }>('SELECT status FROM registry.plays WHERE sid = $1', [sid]))
      .rows[0];
    if (play?.status !== 'success') fault(`E4 play ${sid} (${label}) is ${play?.status ?? 'lost'}`);
    const committed = await db.query<{ outcome: string; at: Date }>(
      `SELECT outcome::text, committed_at AS at FROM registry.steps WHERE play_sid = $1 AND name = 'append'`,
      [sid],
    );
    report.steps += committed.rowCount ?? 0;
    if (committed.rowCount !== steps) fault(`E1 play ${sid} has ${committed.rowCount} committed steps of ${steps}`);
    const committedAt = new Map(committed.rows.map((row) => [Number(row.outcome), row.at.getTime()]));
    const effects = files.has(label) ? parse(await readFile(join(folder, label), 'utf8')) : [];
    const byStep = grouped(effects);
    const keys = new Map<string, number>();
    for (let index = 0; index < steps; index++) {
      const own = byStep.get(index) ?? [];
      if (own.length === 0) fault(`E1 step ${index} of play ${sid} never took effect`);
      report.repeated += Math.max(0, own.length - 1);
      if (new Set(own.map((e) => e.key)).size > 1) fault(`E3 step ${index} of play ${sid} ran under different keys`);
      for (const { key, atMs } of own) {
        if ((keys.get(key) ?? index) !== index)
          fault(`E3 steps ${keys.get(key)} and ${index} of play ${sid} share a key`);
        keys.set(key, index);
        const at = committedAt.get(index);
        // Both times are from this machine's clock; rounding loses a millisecond.
        if (at !== undefined && atMs > at + 1)
          fault(`E2 step ${index} of play ${sid} ran ${(atMs - at).toFixed(1)} ms after its commit`);
      }
    }
  }
  return report;
}

const parse = (text: string): Effect[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [index, key, ns] = line.split(' ');
      return { index: Number(index), key: key ?? '', atMs: Number(ns) / 1e6 };
    });

function grouped(effects: readonly Effect[]): Map<number, Effect[]> {
  const groups = new Map<number, Effect[]>();
  for (const effect of effects) groups.set(effect.index, [...(groups.get(effect.index) ?? []), effect]);
  return groups;
}
