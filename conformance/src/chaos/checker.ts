/** Applies the checks (checks.ts) to the results of a chaos run: files of effects and sightings, answers, tables, histories. */
import type { HeroClient } from '@hero/openrpc';
import { connected } from '@hero/testing';
import { checkHistories, checkInvariants } from '../invariants.js';
import type { Street } from '../street.js';
import type { Given } from './answerer.js';
import type { Violation } from './checks.js';
import { evidenceOf } from './evidence.js';
import { checkPrinted, type Printed, printedBy } from './printed.js';
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
  say: (line: string) => void,
): Promise<Findings> {
  const found: Findings = { steps: 0, effects: 0, repeated: 0, violations: [] };
  const printed = new Map<string, Printed>();
  await using held = await connected(street.databaseUrl);
  const { db } = held;
  let labels = 0;
  // Label by label, because the evidence of a long run does not fit into memory.
  for (const [label, plays] of grouped(started, ({ label }) => label)) {
    const sids = plays.map(({ sid }) => sid);
    const evidence = await evidenceOf(db, folder, label, sids);
    if (++labels % 500 === 0) say(`checked ${labels} plays with their children and forks`);
    const decided = await db.query<{ n: number }>(DECIDED, [evidence.plays.map(({ sid }) => sid)]);
    const { steps, effects, repeated, violations } = checkSteps(plays, evidence, decided.rows[0]?.n ?? 0);
    found.steps += steps;
    found.effects += effects;
    found.repeated += repeated;
    found.violations.push(...violations);
    for (const play of plays) found.violations.push(...(await checkPlay(hero, play, evidence, given)));
    for (const play of evidence.plays) printed.set(play.sid, printedBy(play, evidence));
  }
  say('checking histories');
  found.violations.push(...(await checkInvariants(street.databaseUrl)));
  const sids = started.map(({ sid }) => sid);
  found.violations.push(
    ...(await checkHistories(hero, sids, (sid, events) => checkPrinted(sid, events, printed.get(sid)))),
  );
  return found;
}

const DECIDED = `
  SELECT count(*)::int AS n FROM registry.resumes
  WHERE play_sid = ANY($1) AND name LIKE 'decide:%' AND payload ->> 'action' = 'run'`;
