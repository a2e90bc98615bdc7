/**
 * SQL of waits (questions, timers, children) and their answers. Callers of every write have locked the play's row:
 * the order of locks is play, then question, so that answer, timeout and cancel of one play are serialised (I5, I6).
 */
import type { JsonObject, Question, MemoryRole, WaitAnswer, WaitKind } from '@hero/contracts';
import { Database, named, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { iso, textArray } from '../sql/words.js';
import { DUE_MS } from './timer-store.js';

export interface Asked extends Question {
  id: string;
}

/** A question with its answer, if it has one. */
export interface AskedRow {
  id: string;
  name: string;
  schema: JsonObject | null;
  resumed_at: string | null;
  asked_epoch: number;
  withdrawn: boolean;
}

/** A wait of one epoch whose answer was not taken yet. */
export interface UntakenRow {
  id: string;
  kind: WaitKind;
  role: MemoryRole;
  name: string;
  span_id: string;
  answered: boolean;
  /** Size of the answer. */
  bytes: number;
  /** Until its time limit; below 0: it has passed, but the sweep has not answered it yet. */
  due_ms: number | null;
  /** Whether it may end soon: a timer that ends within two seconds, or a child. */
  soon: boolean;
}

export interface Ways {
  schema: JsonObject | null;
  links: string[];
}

export interface Given {
  id: string;
  payload: string;
  outcome: 'answer' | 'error';
  resumed_by: 'interactive' | 'prefill' | 'early' | 'timeout' | 'child';
}

const ASKED = `id, name, schema, ${iso('resumed_at')} AS resumed_at, asked_epoch, withdrawn`;
/** SQL condition of the index `resumes_untaken`. */
const UNTAKEN = 'taken_epoch IS NULL AND NOT withdrawn';
const GIVE = `UPDATE resumes r SET payload = $2, outcome = $3, resumed_by = $4, resumed_at = now(), due_at = NULL
  WHERE id = $1 AND r.resumed_at IS NULL RETURNING ${iso('r.resumed_at')} AS resumed_at`;

@Injectable()
export class ResumeStore {
  constructor(readonly database: Database) {}

  /** Records waits for this epoch. A known wait stays unchanged, also its time limit. Returns the new ones. */
  async record(playSid: string, epoch: number, questions: Asked[], sql: Sql): Promise<Set<string>> {
    if (questions.length === 0) return new Set();
    const rows = await RECORD(sql, {
      play_sid: playSid,
      epoch,
      ids: questions.map(({ id }) => id),
      places: questions.map(({ place }) => place),
      names: questions.map(({ name }) => name),
      schemas: questions.map(({ schema }) => schema && JSON.stringify(schema)),
      uis: questions.map(({ ui }) => ui && JSON.stringify(ui)),
      span_ids: questions.map(({ span_id }) => span_id),
      fallbacks: textArray(questions.map((question) => question.default)),
      timeouts: questions.map(({ timeout_ms }) => timeout_ms),
      kinds: questions.map(({ kind }) => kind),
      parent_places: questions.map(({ parent_place }) => parent_place),
      roles: questions.map(({ role }) => role),
      links: questions.map(({ links }) => links.join(' ')),
    });
    const children = questions.flatMap(({ kind, id }) => (kind === 'child' ? [id] : []));
    if (children.length > 0) {
      await sql.query(
        'resume_wait_for_children',
        'UPDATE resumes SET asked_epoch = $2, withdrawn = false WHERE id = ANY($1)',
        [children, epoch],
      );
    }
    return new Set(rows.flatMap(({ id, fresh }) => (fresh ? [id] : [])));
  }

  /** Withdraws waits whose branch was cancelled; answers that were already taken stay. */
  async withdraw(ids: string[], sql: Sql): Promise<void> {
    await sql.query(
      'resumes_withdraw',
      'UPDATE resumes SET withdrawn = true, due_at = NULL WHERE id = ANY($1) AND taken_epoch IS NULL',
      [ids],
    );
  }

  /** Withdraws the waits of earlier epochs that this epoch did not ask again. */
  async withdrawOlder(playSid: string, epoch: number, sql: Sql): Promise<void> {
    await sql.query(
      'resumes_withdraw_older',
      `UPDATE resumes SET withdrawn = true, due_at = NULL WHERE play_sid = $1 AND ${UNTAKEN} AND asked_epoch <> $2`,
      [playSid, epoch],
    );
  }

  /** The waits of an epoch: first the answered ones, in the order of their answers, then the open ones. */
  untaken(playSid: string, epoch: number, sql: Sql): Promise<UntakenRow[]> {
    return sql.query(
      'resumes_untaken',
      `SELECT id, kind, role, name, span_id, resumed_at IS NOT NULL AS answered,
              coalesce(octet_length(payload::text), 0) AS bytes, CASE WHEN resumed_at IS NULL THEN ${DUE_MS} END AS due_ms,
              kind = 'child' OR (kind = 'timer' AND due_at <= now() + interval '2 seconds') AS soon
       FROM resumes r WHERE play_sid = $1 AND ${UNTAKEN} AND asked_epoch = $2 ORDER BY r.resumed_at, asked_no`,
      [playSid, epoch],
    );
  }

  /** Marks answers as taken, in this order; from now on they are memory of the play (decision 13). */
  take(epoch: number, group: number, ids: string[], sql: Sql): Promise<WaitAnswer[]> {
    return sql.query(
      'resumes_take',
      `WITH taken AS (
         UPDATE resumes r SET taken_epoch = $1, taken_group = $2, taken_ordinal = t.n
         FROM unnest($3::text[]) WITH ORDINALITY AS t(id, n) WHERE r.id = t.id
         RETURNING t.n, r.place, r.outcome AS kind, r.payload::text AS payload)
       SELECT place, kind, payload FROM taken ORDER BY n`,
      [epoch, group, ids],
    );
  }

  /** The answers that one group took, for a repeat after a lost reply. */
  takenBy(playSid: string, epoch: number, group: number, sql: Sql): Promise<WaitAnswer[]> {
    return sql.query(
      'resumes_taken_by',
      `SELECT place, outcome AS kind, payload::text AS payload FROM resumes
       WHERE play_sid = $1 AND taken_epoch = $2 AND taken_group = $3 ORDER BY taken_ordinal`,
      [playSid, epoch, group],
    );
  }

  /** Those of these answers that were taken before and are asked for again. */
  takenOf(ids: string[], sql: Sql): Promise<WaitAnswer[]> {
    return sql.query(
      'resumes_taken_of',
      `SELECT place, outcome AS kind, payload::text AS payload FROM resumes
       WHERE id = ANY($1) AND taken_epoch IS NOT NULL ORDER BY array_position($1::text[], id)`,
      [ids],
    );
  }

  async byId(playSid: string, id: string, sql: Sql): Promise<AskedRow | undefined> {
    const text = `SELECT ${ASKED} FROM resumes WHERE id = $2 AND play_sid = $1 AND kind = 'question'`;
    const [row] = await sql.query<AskedRow>('resume_by_id', text, [playSid, id]);
    return row;
  }

  /** The question for which a link was made. */
  async byLink(playSid: string, link: string, sql: Sql): Promise<AskedRow | undefined> {
    const text = `SELECT ${ASKED} FROM resumes WHERE play_sid = $1 AND (id = $2 OR $2 = ANY(links)) AND kind = 'question'`;
    const [row] = await sql.query<AskedRow>('resume_by_link', text, [playSid, link]);
    return row;
  }

  /** The oldest open question of a name; if none is open, the one that was answered last. */
  async byName(playSid: string, name: string, sql: Sql): Promise<AskedRow | undefined> {
    const [row] = await sql.query<AskedRow>(
      'resume_by_name',
      `SELECT ${ASKED} FROM resumes r WHERE play_sid = $1 AND name = $2 AND kind = 'question'
         AND (r.resumed_at IS NOT NULL OR NOT withdrawn)
       ORDER BY r.resumed_at IS NOT NULL, r.resumed_at DESC, asked_no LIMIT 1`,
      [playSid, name],
    );
    return row;
  }

  /** The schemas of these questions, and the links that may answer them. */
  async ways(ids: string[], sql: Sql): Promise<Map<string, Ways>> {
    const text = 'SELECT id, schema, links FROM resumes WHERE id = ANY($1)';
    const rows = await sql.query<Ways & { id: string }>('resume_ways', text, [ids]);
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Answers an open question, once (I5); undefined if it was already answered. */
  async give(given: Given, sql: Sql): Promise<string | undefined> {
    const { id, payload, outcome, resumed_by } = given;
    const [row] = await sql.query<{ resumed_at: string }>('resume_give', GIVE, [id, payload, outcome, resumed_by]);
    return row?.resumed_at;
  }

  /**
   * The same for the answer of a person. It clears `prefill_only`: later questions may wait. `asks` says whether another question of
   * the play is open.
   */
  async giveByHand(
    playSid: string,
    given: Given,
    sql: Sql,
  ): Promise<{ resumed_at: string; asks: boolean } | undefined> {
    const { id, payload, outcome, resumed_by } = given;
    const [row] = await sql.query<{ resumed_at: string; asks: boolean }>(
      'resume_give_by_hand',
      `WITH given AS (${GIVE}), by_hand AS (UPDATE plays SET prefill_only = false WHERE sid = $5 AND prefill_only)
       SELECT given.resumed_at, EXISTS (
         SELECT FROM resumes
         WHERE play_sid = $5 AND id <> $1 AND ${UNTAKEN} AND resumed_at IS NULL AND kind = 'question') AS asks
       FROM given`,
      [id, payload, outcome, resumed_by, playSid],
    );
    return row;
  }
}

const RECORD = named<RecordParameters, { id: string; fresh: boolean }>(
  'resumes_record',
  `INSERT INTO resumes AS r (id, play_sid, asked_epoch, place, name, schema, ui, span_id, fallback, kind, parent_place, role, links,
                             expires_at, due_at)
   SELECT q.id, :play_sid, :epoch, q.place, q.name, q.schema, q.ui, q.span_id, q.fallback, q.kind, q.parent_place, q.role,
          string_to_array(q.links, ' '), q.at, q.at
   FROM (SELECT *, now() + timeout_ms * interval '1 millisecond' AS at
         FROM unnest(:ids::text[], :places::text[], :names::text[], :schemas::json[], :uis::json[], :span_ids::text[],
                     :fallbacks::json[], :timeouts::float8[], :kinds::text[], :parent_places::text[], :roles::text[], :links::text[])
           WITH ORDINALITY AS u(id, place, name, schema, ui, span_id, fallback, timeout_ms, kind, parent_place, role, links, n)) q
   WHERE q.kind <> 'child' ORDER BY q.n
   ON CONFLICT (id) DO UPDATE SET asked_epoch = excluded.asked_epoch, withdrawn = false,
     due_at = CASE WHEN r.resumed_at IS NULL THEN r.expires_at END
   RETURNING id, xmax = 0 AS fresh`,
);

interface RecordParameters {
  play_sid: string;
  epoch: number;
  ids: string[];
  places: string[];
  names: string[];
  schemas: (string | null)[];
  uis: (string | null)[];
  span_ids: string[];
  /** An array literal of PostgreSQL. */
  fallbacks: string;
  timeouts: (number | null)[];
  kinds: WaitKind[];
  parent_places: string[];
  roles: MemoryRole[];
  /** Ids, separated by spaces. */
  links: string[];
}
