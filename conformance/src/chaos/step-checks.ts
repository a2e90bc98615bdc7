/** Checks of the steps of one label: its play, its children and its forks. */
import type { Violation } from './checks.js';
import type { Effect, Evidence, Row } from './evidence.js';
import { COST } from './flow-source.js';
import type { Started } from './plays.js';

/** Retries of the steps that have them (flow-source.ts). */
const RETRIES: Record<string, number> = { flaky: 3, patient: 2 };
export const isTry = ({ role }: Row): boolean => role === 'try';

export const grouped = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
};

export interface StepFindings {
  steps: number;
  effects: number;
  /** Number of runs without a commit, which were cut between effect and commit. */
  repeated: number;
  violations: Violation[];
}

export function checkSteps(started: readonly Started[], evidence: Evidence, decidedToRun: number): StepFindings {
  const { rows, effects, plays } = evidence;
  const byKey = grouped(effects, ({ key }) => key);
  const outcomes = rows.filter((row) => row.kind !== 'begun' && !isTry(row) && byKey.has(row.key));
  const tokens = new Set(rows.flatMap(({ token }) => token ?? []));
  const pipelined = started.some((play) => play.pipelined);
  const violations = [
    ...keys(started, evidence),
    ...outcomes.flatMap((row) => afterCommit(row, byKey.get(row.key) ?? [])),
    ...outcomes.flatMap((row) => tries(row, rows, byKey.get(row.key) ?? [])),
    ...outcomes.flatMap((row) => runs(row, byKey.get(row.key) ?? [], tokens, { plays, decidedToRun, pipelined })),
    ...started.flatMap((play) => order(play, evidence)),
    ...started.flatMap((play) => waits(play, evidence)),
    ...evidence.found.map((line): Violation => `clean play ${line.replace(' ', ' found ')}`),
    ...started.flatMap((play) => cost(play, evidence, tokens)),
  ];
  const committed = effects.filter(({ token }) => tokens.has(token)).length;
  return { steps: outcomes.length, effects: effects.length, repeated: effects.length - committed, violations };
}

/**
 * I4. A cancelled play may have runs that were never committed; they share one key. In a pipelined play, outcomes that returned but were
 * not committed may come back in another order, so that a branch may take an item that another one had taken: only committed keys count there.
 */
function keys(started: readonly Started[], { rows, effects, plays }: Evidence): Violation[] {
  const known = new Set(rows.map(({ key }) => key));
  const isOver = started.length === 1 && plays.every(({ status }) => status === 'success');
  return [...grouped(effects, ({ id }) => id)].flatMap(([id, own]): Violation[] => {
    const pipelined = started.some((play) => play.pipelined);
    const all = [...new Set(own.map(({ key }) => key))].filter((key) => !pipelined || known.has(key));
    const foreign = all.filter((key) => !known.has(key));
    const most = started.length;
    if (all.length > most) return [`I4 ${id} ran under ${all.length} keys in ${most} plays`];
    if (isOver && foreign.length > 0) return [`I4 ${id} ran under the key ${foreign[0]}, which no committed step has`];
    return [];
  });
}

/** I3, for values and errors. Both times are from this machine's clock; rounding loses a millisecond. */
const afterCommit = (row: Row, own: readonly Effect[]): Violation[] =>
  own
    .filter(({ atMs }) => atMs > row.atMs + 1)
    .map(
      ({ id, atMs }): Violation =>
        `I3 ${id} ran ${(atMs - row.atMs).toFixed(1)} ms after its ${row.kind} was committed`,
    );

/** Tries of a step are committed one after the other, and each ran before its commit and after the one before it. */
function tries(row: Row, rows: readonly Row[], own: readonly Effect[]): Violation[] {
  const retries = RETRIES[row.name];
  const id = own[0]?.id ?? row.name;
  if (retries === undefined) return [];
  const failed = rows
    .filter((one) => isTry(one) && one.play_sid === row.play_sid && one.parent_place === row.place)
    .sort((a, b) => a.atMs - b.atMs || a.ordinal - b.ordinal);
  const violations: Violation[] = [];
  if (failed.length > retries + 1) violations.push(`tries ${id} has ${failed.length} failed tries of ${retries + 1}`);
  if (new Set(failed.map(({ token }) => token)).size < failed.length)
    violations.push(`tries ${id} has one try committed twice`);
  if (row.kind === 'error' && failed.length !== retries + 1)
    violations.push(`tries ${id} failed after ${failed.length} committed tries of ${retries + 1}`);
  if (row.kind === 'error' && failed.at(-1)?.token !== row.token)
    violations.push(`tries ${id} failed with ${row.token}, its last try with ${failed.at(-1)?.token}`);
  if (row.kind === 'value' && failed.length > retries)
    violations.push(`tries ${id} succeeded after ${failed.length} failed tries`);
  const committed = new Map(own.map((effect) => [effect.token, effect]));
  failed.forEach((one, n) => {
    const next = committed.get(failed[n + 1]?.token ?? row.token ?? '');
    if (next && next.token !== one.token && next.atMs < (committed.get(one.token ?? '')?.atMs ?? 0))
      violations.push(`tries ${id}: try ${n + 2} ran before try ${n + 1}`);
  });
  return violations;
}

/**
 * Runs without a commit were cut. An attempt cuts a step at most once; in a pipelined play, where tries are committed in the background,
 * it may cut all the tries of a step.
 */
function runs(
  row: Row,
  own: readonly Effect[],
  tokens: ReadonlySet<string>,
  { plays, decidedToRun, pipelined }: { plays: Evidence['plays']; decidedToRun: number; pipelined: boolean },
): Violation[] {
  const id = own[0]?.id ?? row.name;
  const attempts = plays.find(({ sid }) => sid === row.play_sid)?.attempt ?? 1;
  // The outcome of a timeout has no token: one of the runs belongs to it.
  const cut = own.filter(({ token }) => !tokens.has(token)).length - (row.token === null ? 1 : 0);
  const violations: Violation[] = [];
  const most = (attempts - 1) * (pipelined ? (RETRIES[row.name] ?? 0) + 1 : 1);
  if (cut > most) violations.push(`I3 ${id} ran ${cut} times without a commit in ${attempts} attempts`);
  if (row.name === 'once' && own.length > 1 + decidedToRun) violations.push(`once ${id} ran ${own.length} times`);
  return violations;
}

const position = (a: Row, b: Row): number => a.epoch - b.epoch || a.group_no - b.group_no || a.ordinal - b.ordinal;

/** The prefix: the commits of a play are in the order of its flow, regardless of what was cut. */
function order({ sid, order }: Started, { rows, effects }: Evidence): Violation[] {
  const ids = new Map(effects.map(({ key, id }) => [key, id]));
  const own = new Map(
    rows
      .filter((row) => row.play_sid === sid && row.kind !== 'begun' && !isTry(row))
      .flatMap((row): [string, Row][] => {
        const id = ids.get(row.key);
        return id === undefined ? [] : [[id, row]];
      }),
  );
  const violations: Violation[] = [];
  let before: { id: string; row: Row } | undefined;
  for (const chains of order) {
    let last = before;
    for (const chain of chains) {
      let at = before;
      for (const id of chain) {
        const row = own.get(id);
        if (!row) continue;
        if (at && position(at.row, row) >= 0)
          violations.push(`prefix ${id} of play ${sid} was committed before ${at.id}, which the flow runs first`);
        at = { id, row };
        if (!last || position(last.row, row) < 0) last = at;
      }
    }
    before = last;
  }
  return violations;
}

function waits({ sid, beside }: Started, { rows, effects, asked }: Evidence): Violation[] {
  return beside.flatMap(({ question, work }): Violation[] => {
    const keys = new Set(effects.filter(({ id }) => id === work).map(({ key }) => key));
    const row = rows.find(({ key, play_sid }) => play_sid === sid && keys.has(key));
    const late = row === undefined ? 0 : (asked.get(question) ?? 0) - row.atMs;
    return late > 0 ? [`waits ${question} was recorded ${late.toFixed(0)} ms after the work beside it had ended`] : [];
  });
}

/** A cut body may have been charged (if a branch beside it committed) or not. */
function cost({ sid }: Started, { rows, effects, plays }: Evidence, tokens: ReadonlySet<string>): Violation[] {
  const root = plays.find((play) => play.sid === sid);
  if (!root) return [];
  const family = familyOf(sid, plays);
  const keyed = new Map(rows.map(({ key, play_sid }) => [key, play_sid]));
  const own = effects.filter(({ key }) => family.has(keyed.get(key) ?? sid));
  const ran = own.filter(({ token }) => tokens.has(token)).length;
  const keys = new Set(own.map(({ key }) => key));
  const timeouts = rows.filter(({ token, name, key }) => token === null && name === 'stuck' && keys.has(key)).length;
  const least = root.status === 'success' ? (ran + timeouts) * COST : 0;
  const most = own.length * COST;
  const total = root.total_cost_usd;
  if (total >= least && total <= most) return [];
  return [`cost play ${sid} cost ${total / COST} bodies; ${least / COST} to ${own.length} really ran`];
}

function familyOf(sid: string, plays: Evidence['plays']): Set<string> {
  const family = new Set([sid]);
  for (let size = 0; size < family.size; ) {
    size = family.size;
    for (const play of plays) if (family.has(play.parent_play_sid ?? '')) family.add(play.sid);
  }
  return family;
}
