/**
 * Questions, answers, prefilled and kept answers. Every writer holds the play's row (its caller locked it): the order of
 * locks is play, then question, and answer, timeout and cancel of one play follow one another (I5, I6).
 */
import type { JsonObject, Question, WaitKind } from '@hero/contracts';
import { Database, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { ACTIVE, iso, RUNNING_MS, textArray } from '../sql/words.js';

export interface Asked extends Question {
  id: string;
}

export interface AskedRow {
  id: string;
  kind: WaitKind;
  place: string;
  name: string;
  schema: JsonObject | null;
  outcome: 'answer' | 'error' | null;
  /** JSON text. */
  payload: string | null;
  resumed_at: string | null;
}

export interface Given {
  id: string;
  payload: string;
  outcome: 'answer' | 'error';
  resumed_by: 'interactive' | 'prefill' | 'early' | 'timeout' | 'child';
}

export interface Prefill {
  pattern: string;
  pos: number;
  payload: string;
}

export interface Due {
  id: string;
  play_sid: string;
}

const ASKED = `id, kind, place, name, schema, outcome, payload::text AS payload, ${iso('resumed_at')} AS resumed_at`;

/** The name under which an answer to one coming question is kept: no name of a pause, because those have no control characters. */
export const keptUnder = (resumeId: string): string => `\u0001${resumeId}`;

@Injectable()
export class ResumeStore {
  constructor(readonly database: Database) {}

  /** A question that is asked again stays as it is, answered or not; only its timer runs again. */
  async ask(playSid: string, questions: Asked[], sql: Sql): Promise<AskedRow[]> {
    const ids = questions.map(({ id }) => id);
    await sql.query(
      'resume_ask',
      `INSERT INTO resumes (id, play_sid, place, name, schema, ui, span_id, fallback, kind, parent_place, expires_at, due_at)
       SELECT q.id, $1, q.place, q.name, q.schema, q.ui, q.span_id, q.fallback, q.kind, q.parent_place, q.at, q.at
       FROM (SELECT *, now() + timeout_ms * interval '1 millisecond' AS at
             FROM unnest($2::text[], $3::text[], $4::text[], $5::json[], $6::json[], $7::text[], $8::json[], $9::float8[],
                         $10::text[], $11::text[])
               WITH ORDINALITY AS u(id, place, name, schema, ui, span_id, fallback, timeout_ms, kind, parent_place, n)) q
       WHERE q.kind <> 'child' ORDER BY q.n
       ON CONFLICT (id) DO UPDATE SET due_at = resumes.expires_at WHERE resumes.resumed_at IS NULL`,
      [
        playSid,
        ids,
        questions.map(({ place }) => place),
        questions.map(({ name }) => name),
        questions.map(({ schema }) => schema && JSON.stringify(schema)),
        questions.map(({ ui }) => ui && JSON.stringify(ui)),
        questions.map(({ span_id }) => span_id),
        textArray(questions.map((question) => question.default)),
        questions.map(({ timeout_ms }) => timeout_ms),
        questions.map(({ kind }) => kind),
        questions.map(({ parent_place }) => parent_place),
      ],
    );
    return this.asked(ids, sql);
  }

  /** In the order of the ids. */
  asked(ids: string[], sql: Sql): Promise<AskedRow[]> {
    const text = `SELECT ${ASKED} FROM resumes WHERE id = ANY($1) ORDER BY array_position($1::text[], id)`;
    return sql.query('resumes_asked', text, [ids]);
  }

  async byId(playSid: string, id: string, sql: Sql): Promise<AskedRow | undefined> {
    const text = `SELECT ${ASKED} FROM resumes WHERE id = $2 AND play_sid = $1 AND kind = 'question'`;
    const [row] = await sql.query<AskedRow>('resume_by_id', text, [playSid, id]);
    return row;
  }

  /** The oldest open question of a name; where none is open, the one that was answered last. */
  async byName(playSid: string, name: string, sql: Sql): Promise<AskedRow | undefined> {
    const [row] = await sql.query<AskedRow>(
      'resume_by_name',
      `SELECT ${ASKED} FROM resumes r WHERE play_sid = $1 AND name = $2 AND kind = 'question'
       ORDER BY r.resumed_at IS NOT NULL, r.resumed_at DESC, asked_no LIMIT 1`,
      [playSid, name],
    );
    return row;
  }

  /** Answers a question that is open, once (I5); nothing where it was answered already. */
  async give(given: Given, sql: Sql): Promise<string | undefined> {
    const [row] = await sql.query<{ resumed_at: string }>(
      'resume_give',
      `UPDATE resumes r SET payload = $2, outcome = $3, resumed_by = $4, resumed_at = now(), due_at = NULL
       WHERE id = $1 AND r.resumed_at IS NULL RETURNING ${iso('r.resumed_at')} AS resumed_at`,
      [given.id, given.payload, given.outcome, given.resumed_by],
    );
    return row?.resumed_at;
  }

  prefills(playSid: string, sql: Sql): Promise<Prefill[]> {
    return sql.query(
      'prefills_open',
      `SELECT pattern, pos, payload::text AS payload FROM prefills WHERE play_sid = $1 AND used_by IS NULL
       ORDER BY length(pattern) DESC, pattern, pos`,
      [playSid],
    );
  }

  async usePrefill(playSid: string, { pattern, pos }: Prefill, resumeId: string, sql: Sql): Promise<void> {
    await sql.query(
      'prefill_use',
      'UPDATE prefills SET used_by = $4 WHERE play_sid = $1 AND pattern = $2 AND pos = $3 AND used_by IS NULL',
      [playSid, pattern, pos, resumeId],
    );
  }

  /** Keeps an answer for a question to come, one per name; `fresh` is false where one was kept before. */
  async keep(playSid: string, name: string, payload: string, sql: Sql): Promise<{ kept_at: string; fresh: boolean }> {
    const [row] = await sql.query<{ kept_at: string; fresh: boolean }>(
      'answer_keep',
      `WITH fresh AS (INSERT INTO kept AS k (play_sid, name, payload) VALUES ($1, $2, $3)
         ON CONFLICT (play_sid, name) DO NOTHING RETURNING ${iso('k.kept_at')} AS kept_at)
       SELECT kept_at, true AS fresh FROM fresh
       UNION ALL SELECT ${iso('k.kept_at')}, false FROM kept k WHERE k.play_sid = $1 AND k.name = $2`,
      [playSid, name, payload],
    );
    if (!row) throw new Error('An answer was neither kept nor there; the play was not locked.');
    return row;
  }

  /** Takes the kept answer of a name out. */
  async takeKept(playSid: string, name: string, sql: Sql): Promise<string | undefined> {
    const text = 'DELETE FROM kept WHERE play_sid = $1 AND name = $2 RETURNING payload::text AS payload';
    const [row] = await sql.query<{ payload: string }>('answer_take', text, [playSid, name]);
    return row?.payload;
  }

  /** The next group of the play is its pause; where it waits, its time stands still. Returns what is left of its time limit. */
  async pause(playSid: string, pause: Paused, sql: Sql): Promise<number | null> {
    const [row] = await sql.query<{ remaining_ms: number | null }>(
      'play_pause',
      `UPDATE plays SET group_no = $2, total_cost_usd = total_cost_usd + $3,
         suspended = $4, wake = $5,
         ran_ms = CASE WHEN $8 THEN ran_ms + ${RUNNING_MS} ELSE ran_ms END,
         running_since = CASE WHEN $8 THEN NULL ELSE coalesce(running_since, now()) END,
         deadline_at = CASE WHEN $8 THEN NULL
           ELSE coalesce(deadline_at, now() + (timeout_ms - ran_ms) * interval '1 millisecond') END,
         events_source = coalesce($6, events_source), events_batch = coalesce($7, events_batch),
         diverged = coalesce(diverged, $9)
       WHERE sid = $1
       RETURNING (timeout_ms - ran_ms - ${RUNNING_MS})::float8 AS remaining_ms`,
      [
        playSid,
        pause.group,
        pause.cost_usd,
        pause.suspended,
        pause.wake,
        pause.events?.source ?? null,
        pause.events?.batch ?? null,
        pause.still,
        pause.diverged && JSON.stringify(pause.diverged),
      ],
    );
    return row?.remaining_ms ?? null;
  }

  /** A person has answered: what is asked from now on may wait. A process that was told to go is to come back. */
  async interactive(playSid: string, sql: Sql): Promise<void> {
    await sql.query('play_interactive', 'UPDATE plays SET prefill_only = false WHERE sid = $1 AND prefill_only', [
      playSid,
    ]);
  }

  async wake(playSid: string, sql: Sql): Promise<void> {
    await sql.query('play_wake', 'UPDATE plays SET wake = true WHERE sid = $1 AND suspended', [playSid]);
  }

  /** Questions whose time is over, of any play. */
  due(limit: number): Promise<Due[]> {
    return this.database.query(
      'resumes_due',
      'SELECT id, play_sid FROM resumes WHERE due_at <= now() ORDER BY due_at LIMIT $1',
      [limit],
    );
  }

  /** Locks the play of a question that is due; null where somebody holds it, false where it no longer waits. */
  async lockDue({ id, play_sid }: Due, sql: Sql): Promise<DueRow | undefined> {
    const [row] = await sql.query<DueRow>(
      'resume_lock_due',
      `WITH play AS (
         SELECT sid, workflow_sid, status, attempt, suspended, owner, epoch FROM plays WHERE sid = $2 FOR NO KEY UPDATE SKIP LOCKED)
       SELECT play.status IN (${ACTIVE}) AS waits, play.status, play.workflow_sid, play.attempt, play.suspended, play.owner,
              play.epoch, r.name,
              r.fallback::text AS fallback, extract(epoch FROM r.expires_at - r.asked_at)::float8 AS seconds
       FROM play, resumes r WHERE r.id = $1`,
      [id, play_sid],
    );
    return row;
  }

  /** Nobody waits for it any more. */
  async forgetTimer(id: string, sql: Sql): Promise<void> {
    await sql.query('resume_forget_timer', 'UPDATE resumes SET due_at = NULL WHERE id = $1', [id]);
  }
}

export interface Paused {
  group: number;
  cost_usd: number;
  suspended: boolean;
  wake: boolean;
  /** Its time stands still. */
  still: boolean;
  diverged: JsonObject | null;
  events: { source: string; batch: number } | null;
}

export interface DueRow {
  waits: boolean;
  status: 'pending' | 'running' | 'awaiting_resume';
  workflow_sid: string;
  attempt: number;
  suspended: boolean;
  owner: string | null;
  epoch: number;
  name: string;
  fallback: string | null;
  seconds: number;
}
