/** Holds what happened in a chaos run against the checks (checks.ts): files of effects and sightings, answers, tables, histories. */
import type { HeroClient } from '@hero/openrpc';
import { checkHistories, checkInvariants } from '../invariants.js';
import type { Street } from '../street.js';
import type { Given } from './answerer.js';
import type { Violation } from './checks.js';
import { evidenceOf } from './evidence.js';
import { checkPlay } from './output-checks.js';
import type { Started } from './plays.js';
import { checkSteps, grouped } from './step-checks.js';

export interface Findings {
  steps: number;
  effects: number;
  repeated: number;
  violations: Violation[];
}

export async function check(
  street: Street,
  hero: HeroClient,
  folder: string,
  started: readonly Started[],
  given: ReadonlyMap<string, Given>,
): Promise<Findings> {
  const found: Findings = { steps: 0, effects: 0, repeated: 0, violations: [] };
  const printed = new Map<string, string[]>();
  // Label by label: what a long run leaves behind does not fit into memory.
  for (const [label, plays] of grouped(started, ({ label }) => label)) {
    const sids = plays.map(({ sid }) => sid);
    const evidence = await evidenceOf(street, folder, label, sids);
    const [decided] = await street.sql<{ n: number }>(DECIDED, [evidence.plays.map(({ sid }) => sid)]);
    const { steps, effects, repeated, violations } = checkSteps(plays, evidence, decided?.n ?? 0);
    found.steps += steps;
    found.effects += effects;
    found.repeated += repeated;
    found.violations.push(...violations);
    for (const play of plays) found.violations.push(...(await checkPlay(hero, play, evidence, given)));
    // An attempt that was killed took its last lines with it.
    for (const { sid, attempt, status } of evidence.plays) {
      if (attempt !== 1 || status !== 'success') continue;
      const keys = new Set(evidence.rows.filter(({ play_sid }) => play_sid === sid).map(({ key }) => key));
      printed.set(
        sid,
        evidence.effects.filter(({ key }) => keys.has(key)).map(({ token }) => token),
      );
    }
  }
  found.violations.push(...(await checkInvariants(street.databaseUrl)));
  const sids = started.map(({ sid }) => sid);
  found.violations.push(...(await checkHistories(hero, sids, printed)));
  return found;
}

const DECIDED = `
  SELECT count(*)::int AS n FROM registry.resumes
  WHERE play_sid = ANY($1) AND name LIKE 'decide:%' AND payload ->> 'action' = 'run'`;
