/**
 * Step outcomes: written in groups of many plays, read in pages.
 *
 * 1. One statement is one transaction: one round trip, one commit for all that arrived.
 * 2. The fence (I2): the plays' rows are locked, in the order of their sids, before anything is judged. `INSERT … WHERE
 *    EXISTS` without the lock would let a stale epoch in. What somebody else holds is skipped, so that it delays nobody.
 * 3. A group is applied once: the one after `group_no` is, `group_no` itself was (its reply got lost), anything else and a
 *    play that was told to go is fenced.
 * 4. A step that has an outcome keeps it (I3); one that has only begun takes its outcome.
 */
import type { MemoryItem, StepGroup } from '@hero/contracts';
import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { textArray } from '../sql/words.js';

export interface OwnedGroup extends StepGroup {
  owner: string;
}

/**
 * What stands below a call that has its outcome is never asked for again: neither its steps, nor what stands below one of them
 * that only began. The subquery is hashed, once a page, and only where something stands below a call at all.
 */
const ASKED_FOR = `(parent_place = '' OR parent_place NOT IN (
  WITH RECURSIVE closed AS (
    SELECT place FROM steps WHERE play_sid = $1 AND kind <> 'begun'
    UNION ALL
    SELECT s.place FROM closed JOIN steps s ON s.play_sid = $1 AND s.kind = 'begun' AND s.parent_place = closed.place)
  SELECT place FROM closed))`;

export type Verdict = 'done' | 'fenced' | 'skipped';

@Injectable()
export class StepStore {
  constructor(private readonly database: Database) {}

  /** At most one group of each play. Verdicts in the order of the groups. */
  async commit(groups: OwnedGroup[]): Promise<Verdict[]> {
    const steps = groups.flatMap((group, g) => group.steps.map((step, ordinal) => ({ ...step, g: g + 1, ordinal })));
    const rows = await this.database.query<{ verdict: Verdict }>('step_commit', COMMIT, [
      groups.map((g) => g.play_sid),
      groups.map((g) => g.epoch),
      groups.map((g) => g.owner),
      groups.map((g) => g.group),
      groups.map((g) => g.cost_usd),
      steps.map((s) => s.g),
      steps.map((s) => s.ordinal),
      steps.map((s) => s.step_key),
      steps.map((s) => s.place),
      steps.map((s) => s.kind),
      textArray(steps.map((s) => s.outcome)),
      steps.map((s) => s.span_id),
      steps.map((s) => s.name),
      steps.map((s) => s.function_sha256),
      steps.map((s) => s.parent_place),
      groups.map((g) => g.diverged && JSON.stringify(g.diverged)),
    ]);
    return rows.map(({ verdict }) => verdict);
  }

  /** Remembered steps after a key, in the order of keys, at most `limit` and about `bytes` of text. */
  steps(playSid: string, after: string, limit: number, bytes: number): Promise<MemoryRow[]> {
    return this.database.query(
      'memory_steps',
      `SELECT key, place, kind, text, parent_place, name, total FROM (
         SELECT step_key AS key, place, kind, outcome::text AS text, parent_place, name, row_number() OVER w AS n, count(*) OVER ()::int AS total,
                sum(octet_length(outcome::text)) OVER w AS bytes
         FROM (SELECT * FROM steps WHERE play_sid = $1 AND step_key > $2 AND ${ASKED_FOR} ORDER BY step_key LIMIT $3) s
         WINDOW w AS (ORDER BY step_key)) page
       WHERE bytes <= $4 OR n = 1 ORDER BY key`,
      [playSid, after, limit, bytes],
    );
  }

  /** Answered questions after an id; a timeout without a default is an error at the pause's place. */
  answers(playSid: string, after: string, limit: number, bytes: number): Promise<MemoryRow[]> {
    return this.database.query(
      'memory_answers',
      `SELECT key, place, kind, text, parent_place, name, total FROM (
         SELECT id AS key, place, outcome AS kind, payload::text AS text, parent_place, name, row_number() OVER w AS n, count(*) OVER ()::int AS total,
                sum(octet_length(payload::text)) OVER w AS bytes
         FROM (SELECT * FROM resumes WHERE play_sid = $1 AND id > $2 AND resumed_at IS NOT NULL AND ${ASKED_FOR}
               ORDER BY id LIMIT $3) r
         WINDOW w AS (ORDER BY id)) page
       WHERE bytes <= $4 OR n = 1 ORDER BY key`,
      [playSid, after, limit, bytes],
    );
  }
}

export interface MemoryRow {
  key: string;
  place: string;
  kind: MemoryItem[1];
  text: string;
  parent_place: string;
  name: string;
  /** How many there were before the page was cut by its bytes, at most the limit. */
  total: number;
}

const COMMIT = `
  WITH groups AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::float8[], $16::json[])
      WITH ORDINALITY AS g(sid, epoch, owner, group_no, cost, diverged, g)
  ), locked AS (
    SELECT sid, status, epoch, owner, group_no, suspended FROM plays
    WHERE sid = ANY($1::text[]) ORDER BY sid FOR NO KEY UPDATE SKIP LOCKED
  ), judged AS (
    SELECT g.*, CASE
      WHEN l.sid IS NULL THEN
        CASE WHEN EXISTS (SELECT FROM plays p WHERE p.sid = g.sid) THEN 'skipped' ELSE 'fenced' END
      WHEN l.epoch <> g.epoch OR l.owner <> g.owner OR l.status <> 'running' THEN 'fenced'
      WHEN g.group_no = l.group_no THEN 'done'
      WHEN NOT l.suspended AND g.group_no = l.group_no + 1 THEN 'apply'
      ELSE 'fenced' END AS verdict
    FROM groups g LEFT JOIN locked l ON l.sid = g.sid
  ), counted AS (
    UPDATE plays p SET group_no = j.group_no, total_cost_usd = p.total_cost_usd + j.cost,
      diverged = coalesce(p.diverged, j.diverged)
    FROM judged j WHERE p.sid = j.sid AND j.verdict = 'apply'
  ), remembered AS (
    INSERT INTO steps (play_sid, step_key, place, kind, outcome, span_id, name, function_sha256, parent_place, epoch, group_no, ordinal)
    SELECT j.sid, s.step_key, s.place, s.kind, s.outcome, s.span_id, s.name, s.function_sha256, s.parent_place, j.epoch, j.group_no, s.ordinal
    FROM unnest($6::int[], $7::int[], $8::text[], $9::text[], $10::text[], $11::json[], $12::text[], $13::text[], $14::text[], $15::text[])
      AS s(g, ordinal, step_key, place, kind, outcome, span_id, name, function_sha256, parent_place)
    JOIN judged j ON j.g = s.g
    WHERE j.verdict = 'apply'
    ON CONFLICT (play_sid, step_key) DO UPDATE SET kind = excluded.kind, outcome = excluded.outcome, span_id = excluded.span_id,
      epoch = excluded.epoch, group_no = excluded.group_no, ordinal = excluded.ordinal, committed_at = now()
      WHERE steps.kind = 'begun'
  )
  SELECT CASE verdict WHEN 'apply' THEN 'done' ELSE verdict END AS verdict FROM judged ORDER BY g`;
