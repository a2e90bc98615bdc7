/** Checks the values that one play saw and returned. */
import type { HeroClient, shapes } from '@hero/openrpc';
import type { Given } from './answerer.js';
import type { Violation } from './checks.js';
import type { Evidence } from './evidence.js';
import type { Started } from './plays.js';
import { grouped, isTry } from './step-checks.js';

type Json = shapes.Json;

export async function checkPlay(
  hero: HeroClient,
  started: Started,
  evidence: Evidence,
  given: ReadonlyMap<string, Given>,
): Promise<Violation[]> {
  const { sid, label, ids, cancelled } = started;
  const play = await hero.play_status({ play_sid: sid });
  const seen = started.pipelined ? [] : attempts(started, evidence);
  if (play.status === 'cancelled' && cancelled) return seen;
  if (play.status !== 'success')
    return [...seen, `I1 play ${sid} (${label}) is ${play.status}: ${JSON.stringify(play.error)}`];
  const output = play.output_data as [string, Json][];
  if (output[0]?.[0] === 'another version') return [`I9 play ${sid} (${label}) ran another version than its own`];
  const violations: Violation[] = [...seen];
  if (play.diverged) violations.push(`memory play ${sid} diverged: ${JSON.stringify(play.diverged)}`);
  const names = output.map(([id]) => id);
  if (!same(names, ids)) violations.push(`memory play ${sid} returned ${names.join()} instead of ${ids.join()}`);
  const committed = committedRuns(evidence);
  for (const [id, value] of output) {
    const token = tokenOf(value);
    const tokens = committed.get(id);
    if (token !== undefined && !tokens?.has(token))
      violations.push(
        `memory play ${sid} returned ${token} at ${id}; committed is ${[...(tokens ?? [])].join() || 'nothing'}`,
      );
    const answers = given.get(id);
    if (answers) violations.push(...answered(id, value, answers));
  }
  const versions = new Set(output.filter(([id]) => id.endsWith('.v')).map(([, version]) => version));
  if (versions.size > 1) violations.push(`I9 play ${sid} invoked the versions ${[...versions].join()} of one workflow`);
  return violations;
}

/** The values that an attempt sees are the committed ones: no later attempt sees other values. */
function attempts({ sid, forkOf }: Started, { sightings }: Evidence): Violation[] {
  const own = grouped(
    sightings.filter(({ play_sid }) => play_sid === sid),
    ({ id }) => id,
  );
  const inherited = new Map(
    sightings.filter(({ play_sid }) => play_sid === forkOf).map(({ id, value }) => [id, value]),
  );
  return [...own].flatMap(([id, all]): Violation[] => {
    const values = [...new Set(all.map(({ value }) => JSON.stringify(value)))];
    const violations: Violation[] = [];
    if (values.length > 1) violations.push(`memory play ${sid} saw ${values.join(' and then ')} at ${id}`);
    const before = inherited.get(id);
    if (forkOf !== undefined && before !== undefined && JSON.stringify(before) !== values[0])
      violations.push(`fork ${sid} saw ${values[0]} at ${id}; ${forkOf} saw ${JSON.stringify(before)}`);
    return violations;
  });
}

/** The committed runs of the body of each step: one, and one for each fork that ran it again. */
function committedRuns({ rows, effects }: Evidence): Map<string, Set<string>> {
  const ids = new Map(effects.map(({ token, id }) => [token, id]));
  const committed = new Map<string, Set<string>>();
  for (const { token } of rows.filter((row) => !isTry(row))) {
    const id = token === null ? undefined : ids.get(token);
    if (token !== null && id !== undefined) committed.set(id, (committed.get(id) ?? new Set()).add(token));
  }
  return committed;
}

/** I5. An answer whose reply was lost may be the accepted one, but not beside another that was accepted. */
function answered(id: string, value: Json, { accepted, possible }: Given): Violation[] {
  if (accepted.length > 1) return [`I5 ${id} has ${accepted.length} accepted answers`];
  const winners = accepted.length > 0 ? accepted : possible;
  if (winners.some((answer) => same(answer, value))) return [];
  if (value === 'default' && accepted.length === 0) return [];
  // A timeout around the pause may win even if the question was answered.
  if (value === 'too late') return [];
  const what = accepted.length > 0 ? `accepted was ${JSON.stringify(accepted[0])}` : 'no answer was accepted';
  return [`I5 ${id} saw ${JSON.stringify(value)}; ${what}`];
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const tokenOf = (value: Json): string | undefined => /t-[0-9a-f]{12}/.exec(JSON.stringify(value))?.[0];
