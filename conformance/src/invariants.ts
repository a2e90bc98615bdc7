import type { PlayEvent, Span } from '@hero/contracts';
import { SpanTree } from '@hero/spans';
import type { HeroClient } from '@hero/openrpc';
import { connected } from '@hero/testing';
import type { CheckName, Violation } from './chaos/checks.js';

/**
 * The invariants that can be checked in the tables, as queries that must return no rows. They can run against the database of
 * any street after any faults. Their names are those of docs/invariants.md.
 */
const MUST_BE_EMPTY: readonly (readonly [CheckName, string, string])[] = [
  [
    'I1',
    'a play is neither final nor waiting although nothing is under way',
    "SELECT sid, status FROM registry.plays WHERE status IN ('pending', 'running')",
  ],
  [
    'I2',
    'steps of one play were committed by an older epoch after a newer one',
    `SELECT play_sid, epoch, committed_at FROM (SELECT *, max(epoch) OVER (PARTITION BY play_sid ORDER BY committed_at, epoch) AS newest FROM registry.steps) s
     WHERE epoch < newest`,
  ],
  [
    'I2',
    'a step was committed after the end of its play',
    `SELECT s.play_sid, s.name FROM registry.steps s JOIN registry.plays p ON p.sid = s.play_sid
     WHERE p.completed_at IS NOT NULL AND p.status <> 'cancelled' AND s.committed_at > p.completed_at`,
  ],
  [
    'I3',
    'a place of a play is committed twice',
    'SELECT play_sid, place FROM registry.steps GROUP BY play_sid, place HAVING count(*) > 1',
  ],
  [
    'I5',
    'a question has two answers, or an answer without its time',
    'SELECT id FROM registry.resumes WHERE (resumed_at IS NULL) <> (resumed_by IS NULL)',
  ],
  [
    'I6',
    'a cancelled play took an answer after it was cancelled',
    `SELECT p.sid FROM registry.plays p JOIN registry.resumes r ON r.play_sid = p.sid WHERE p.status = 'cancelled' AND r.resumed_at > p.completed_at`,
  ],
  [
    'I6',
    'a cancelled play was claimed, or committed a step, after it was cancelled',
    `SELECT p.sid FROM registry.plays p WHERE p.status = 'cancelled' AND (p.claimed_at > p.completed_at
       OR EXISTS (SELECT FROM registry.steps s WHERE s.play_sid = p.sid AND s.committed_at > p.completed_at))`,
  ],
  ['I8', 'one wake-up started two attempts', 'SELECT sid, epoch, run_seq FROM registry.plays WHERE epoch > run_seq'],
  [
    'I9',
    'the version of a play is gone',
    'SELECT p.sid FROM registry.plays p LEFT JOIN registry.versions v ON v.sid = p.version_sid WHERE v.sid IS NULL',
  ],
];

/** Returns one line per violated invariant, with the first rows that show it. */
export async function checkInvariants(databaseUrl: string): Promise<Violation[]> {
  await using held = await connected(databaseUrl);
  const faults: Violation[] = [];
  for (const [check, what, sql] of MUST_BE_EMPTY) {
    const { rows } = await held.db.query(sql);
    if (rows.length > 0) faults.push(`${check} ${what}: ${rows.length} rows, e.g. ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return faults;
}

const FINAL = ['success', 'failed', 'cancelled', 'timed_out'];
const REOPENED = ['failed', 'timed_out'];

/**
 * Checks the numbered history of each play: no gap and no double (I10), exactly one end, with the play's own status (I7), and
 * no span that still runs; and a live follower has the same tree as the store. After an outage a late batch may be numbered after the end.
 * `also` makes further checks on the events of a play.
 */
export async function checkHistories(
  hero: HeroClient,
  sids: Iterable<string>,
  also: (sid: string, events: readonly PlayEvent[]) => Violation[] = () => [],
): Promise<Violation[]> {
  const faults: Violation[] = [];
  for (const sid of sids) {
    const play = await hero.play_status({ play_sid: sid });
    const { items } = await hero.play_events({ play_sid: sid, limit: 10_000 });
    items.forEach((event, i) => {
      if (event.seq !== i + 1) faults.push(`I10 play ${sid}: event ${i + 1} has the number ${event.seq}`);
    });
    faults.push(...also(sid, items as PlayEvent[]));
    const statuses = items.flatMap((e) => (e.type === 'status' ? [e.status] : []));
    const ends = statuses.filter((status) => FINAL.includes(status));
    // A play that a retry reopened has an earlier end, as `failed` or `timed_out`.
    const others = ends.filter((status) => status !== play.status);
    const own = ends.length - others.length;
    if (own !== 1 || others.some((status) => !REOPENED.includes(status))) {
      faults.push(`I7 play ${sid} is ${play.status}; its history says ${statuses.join()}`);
    }
    const claims = statuses.filter((status) => status === 'running').length;
    if (claims !== play.attempt)
      faults.push(`I7 play ${sid} had ${play.attempt} attempts; its history tells of ${claims}`);
    const { spans } = await hero.play_spans({ play_sid: sid });
    const open = spans.filter((span) => span.status === 'running');
    if (open.length > 0)
      faults.push(
        `tree play ${sid} is ${play.status}, but ${open.length} of its spans still run, e.g. ${open[0]?.name}`,
      );
    const live = new SpanTree(sid);
    for (const event of items) live.apply(event as PlayEvent);
    const seen = new Map(live.spans().map((span) => [span.id, shown(span)]));
    const other = spans.filter((span) => seen.get(span.id) !== shown(span as Span));
    if (other.length > 0 || seen.size !== spans.length) {
      const [one] = other;
      const told = one ? `${shown(one as Span)} is stored, ${seen.get(one.id)} followed` : `${seen.size} were followed`;
      faults.push(
        `tree play ${sid}: ${other.length} of ${spans.length} spans are not what a follower sees, e.g. ${told}`,
      );
    }
  }
  return faults;
}

/** The part of a span that must be equal for all viewers. Outputs may arrive later, and the event with its parent may have been dropped. */
const shown = (span: Span): string => {
  const { id, name, kind, status, attempt, started_at, ended_at, duration_ms, tags, cost_usd, child_play_sid, logs } =
    span;
  const facts = [id, name, kind, status, attempt, started_at, ended_at, duration_ms, tags, cost_usd, child_play_sid];
  return JSON.stringify([...facts, logs.slice(0, 100).map(({ text }) => text)]);
};
