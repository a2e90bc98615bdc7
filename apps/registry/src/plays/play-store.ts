/** SQL that reads plays, and that deletes them. Every change of a status is in move-store.ts. */
import type { EventsMark, Play, PlayStatus, ResumeRequest, WaitKind } from '@hero/contracts';
import { Database, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Change } from '../outbox/changes.js';
import { ACTIVE, changeOf, iso } from '../sql/words.js';
import { inlineBytes, type Sized, sized, sizedOf } from './large-values.js';

const PLAY = `p.sid, p.name, p.workflow_sid, coalesce(w.name, '') AS workflow_name, p.version_sid, p.version_number, p.status,
  ${sized('i.input', 'i.input_bytes')} AS input_data, ${sized('p.output', 'p.output_bytes')} AS output_data, p.error, p.prefill_only,
  p.total_cost_usd, p.attempt, p.diverged, p.forked_from, w.current_version_sid,
  p.parent_play_sid, p.parent_span_id, p.sandbox, ${iso('p.created_at')} AS created_at, ${iso('p.started_at')} AS started_at,
  ${iso('p.completed_at')} AS completed_at,
  (extract(epoch FROM coalesce(p.completed_at, now()) - p.started_at) * 1000)::float8 AS duration_ms`;
const PLAYS = 'plays p JOIN inputs i ON i.play_sid = p.sid LEFT JOIN workflows w ON w.sid = p.workflow_sid';

const RESUME = `r.id, r.play_sid, r.name, ${sizedOf('r.schema', 'octet_length(r.schema::text)', 'r.asked_no')} AS schema,
  ${sizedOf('r.ui', 'octet_length(r.ui::text)', 'r.asked_no')} AS ui, r.span_id AS asked_at_span_id,
  ${iso('r.asked_at')} AS asked_at, ${iso('r.expires_at')} AS expires_at, ${sizedOf('r.payload', 'r.payload_bytes', 'r.asked_no')} AS payload,
  ${iso('r.resumed_at')} AS resumed_at, r.resumed_by, r.outcome, r.kind, r.child_play_sid, r.withdrawn`;
/** SQL condition of an open wait, which a person, a timer or a child may answer. */
const OPEN = 'r.resumed_at IS NULL AND NOT r.withdrawn';

export type PlayRow = Omit<Play, 'pending_resumes' | 'received_resumes' | 'waits' | 'input_data' | 'output_data'> & {
  input_data: Sized;
  output_data: Sized;
};
export type ResumeRow = Omit<ResumeRequest, 'schema' | 'ui' | 'payload'> & {
  schema: Sized;
  ui: Sized;
  payload: Sized;
  outcome: 'answer' | 'error' | null;
  kind: WaitKind;
  child_play_sid: string | null;
  withdrawn: boolean;
};

export interface PlayFilter {
  workflow_sid?: string;
  version_sid?: string;
  statuses?: PlayStatus[];
  parent_play_sid?: string;
  /** A pattern of LIKE. */
  text?: string;
  /** JSON text of an object. */
  input?: string;
  since?: string;
  until?: string;
  below?: string;
}

@Injectable()
export class PlayStore {
  constructor(readonly database: Database) {}

  /** `waited`: it has or had waits, answers or questions; what they are, `resumes` says. */
  async play(sid: string): Promise<(PlayRow & { waited: boolean }) | undefined> {
    const [row] = await this.database.query<PlayRow & { waited: boolean }>(
      'play_by_sid',
      `SELECT ${PLAY}, EXISTS (SELECT FROM resumes r WHERE r.play_sid = p.sid) AS waited FROM ${PLAYS} WHERE p.sid = $1`,
      [sid],
    );
    return row;
  }

  /** The waits of these plays, oldest first, and the newest answers to their questions; both limited per play. */
  resumes(sids: string[], most: number, sql: Sql = this.database): Promise<ResumeRow[]> {
    return sql.query(
      'resumes_of_plays',
      `SELECT ${RESUME} FROM unnest($1::text[]) AS play(sid) CROSS JOIN LATERAL (
         (SELECT * FROM resumes r WHERE r.play_sid = play.sid AND ${OPEN} AND r.kind = 'question' ORDER BY r.asked_no LIMIT $2)
         UNION ALL
         (SELECT * FROM resumes r WHERE r.play_sid = play.sid AND ${OPEN} AND r.kind <> 'question' ORDER BY r.asked_no LIMIT $2)
         UNION ALL
         (SELECT * FROM resumes r WHERE r.play_sid = play.sid AND r.kind = 'question' AND r.outcome = 'answer'
          ORDER BY r.asked_no DESC LIMIT $2)) AS r
       ORDER BY r.asked_no`,
      [sids, most],
    );
  }

  /** The fields that play_wait needs; their size does not depend on the play. */
  async standing(sid: string): Promise<Standing | undefined> {
    const [row] = await this.database.query<Standing>(
      'play_standing',
      `SELECT p.status, EXISTS (SELECT FROM resumes r WHERE r.play_sid = p.sid AND ${OPEN} AND r.kind = 'question') AS asks FROM plays p WHERE p.sid = $1`,
      [sid],
    );
    return row;
  }

  /** Lists plays, newest first: up to the limit, or fewer with about `bytes` in total; `more` says that some are left. */
  async list(filter: PlayFilter, limit: number, bytes: number): Promise<(PlayRow & { more: boolean })[]> {
    const values: unknown[] = [];
    const conditions: string[] = [];
    const where = (value: unknown, condition: (parameter: string) => string): void => {
      if (value !== undefined) conditions.push(condition(`$${values.push(value)}`));
    };
    where(filter.workflow_sid, (v) => `p.workflow_sid = ${v}`);
    where(filter.version_sid, (v) => `p.version_sid = ${v}`);
    where(filter.statuses, (v) => `p.status = ANY(${v})`);
    where(filter.parent_play_sid, (v) => `p.parent_play_sid = ${v}`);
    where(
      filter.text,
      (v) => `(p.name ILIKE ${v} OR w.name ILIKE ${v} OR p.error ->> 'type' ILIKE ${v}
      OR p.error ->> 'message' ILIKE ${v})`,
    );
    where(filter.input, (v) => `i.input::jsonb @> ${v}::jsonb`);
    where(filter.since, (v) => `p.created_at >= ${v}`);
    where(filter.until, (v) => `p.created_at < ${v}`);
    where(filter.below, (v) => `p.sid < ${v}`);
    const condition = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    return this.database.run(
      `WITH page AS (
         SELECT sid, sum(bytes) OVER w AS bytes, row_number() OVER w AS nth, count(*) OVER () AS total
         FROM (SELECT p.sid, ${inlineBytes('i.input_bytes')} + ${inlineBytes('coalesce(p.output_bytes, 0)')} AS bytes
               FROM ${PLAYS} ${condition} ORDER BY p.sid DESC LIMIT ${limit + 1}) sized
         WINDOW w AS (ORDER BY sid DESC))
       SELECT ${PLAY}, page.nth < page.total AS more FROM page JOIN (${PLAYS}) ON p.sid = page.sid
       WHERE page.nth <= ${limit} AND (page.bytes <= ${bytes} OR page.nth = 1) ORDER BY p.sid DESC`,
      values,
    );
  }

  /** Open questions of plays that are not final, oldest first. */
  openResumes({ play_sid, after, limit }: { play_sid?: string; after?: string; limit: number }): Promise<ResumeRow[]> {
    return this.database.query(
      'resumes_open',
      `SELECT ${RESUME} FROM resumes r JOIN plays p ON p.sid = r.play_sid
       WHERE ${OPEN} AND r.kind = 'question' AND p.status IN (${ACTIVE}) AND ($1::text IS NULL OR r.play_sid = $1)
         AND r.asked_no > coalesce((SELECT asked_no FROM resumes WHERE id = $2), 0)
       ORDER BY r.asked_no LIMIT $3`,
      [play_sid ?? null, after ?? null, limit],
    );
  }

  stepOutputs(playSid: string): Promise<StepRow[]> {
    return this.database.query(
      'step_outputs',
      `SELECT step_key, name, kind, ${sizedOf('outcome', 'outcome_bytes', 'epoch, group_no, ordinal')} AS output FROM steps
       WHERE play_sid = $1 AND kind <> 'begun' AND role <> 'resolve' ORDER BY epoch, group_no, ordinal`,
      [playSid],
    );
  }

  /** Outputs by span: values of steps, answers of waits, and the output of the play for its root. */
  spanOutputs(playSid: string, spanIds: string[], rootId: string): Promise<{ span_id: string; output: Sized }[]> {
    return this.database.query(
      'span_outputs',
      `SELECT span_id, ${sized('outcome', 'outcome_bytes')} AS output FROM steps WHERE play_sid = $1 AND kind = 'value' AND span_id = ANY($2)
       UNION ALL SELECT span_id, ${sized('payload', 'payload_bytes')} FROM resumes
         WHERE play_sid = $1 AND outcome = 'answer' AND span_id = ANY($2)
       UNION ALL SELECT $3, ${sized('output', 'output_bytes')} FROM plays WHERE sid = $1 AND output IS NOT NULL AND $3 = ANY($2)`,
      [playSid, spanIds, rootId],
    );
  }

  /** Locks a play for a change, in any status. */
  async lock(sid: string, sql: Sql): Promise<Locked | undefined> {
    const text = `SELECT sid AS play_sid, workflow_sid, status, epoch, owner, attempt, suspended, prefill_only, error, failed_at
      FROM plays WHERE sid = $1 FOR NO KEY UPDATE`;
    const [row] = await sql.query<Locked>('play_lock', text, [sid]);
    return row;
  }

  /** Locks the children of these plays, in the order of their sids. No new child can be inserted while its parent is locked. */
  lockChildren(sids: string[], sql: Sql): Promise<Locked[]> {
    const text = `SELECT sid AS play_sid, workflow_sid, status, epoch, owner, attempt, suspended, prefill_only, error, failed_at
      FROM plays WHERE parent_play_sid = ANY($1) ORDER BY sid FOR NO KEY UPDATE`;
    return sql.query('play_lock_children', text, [sids]);
  }

  async mark(sid: string): Promise<{ status: PlayStatus; mark: EventsMark | null } | undefined> {
    const [row] = await this.database.query<{ status: PlayStatus; source: string | null; batch: number | null }>(
      'play_mark',
      'SELECT status, events_source AS source, events_batch AS batch FROM plays WHERE sid = $1',
      [sid],
    );
    if (!row) return undefined;
    const { status, source, batch } = row;
    return { status, mark: source === null || batch === null ? null : { source, batch } };
  }

  /** Plays of a workflow: all, or those that are not final. */
  async sidsOf(workflowSid: string, which: 'all' | 'active', sql: Sql = this.database): Promise<string[]> {
    const rows = await sql.query<{ sid: string }>(
      `play_sids_${which}`,
      `SELECT sid FROM plays WHERE workflow_sid = $1 ${which === 'active' ? `AND status IN (${ACTIVE})` : ''} ORDER BY sid`,
      [workflowSid],
    );
    return rows.map(({ sid }) => sid);
  }

  /** Deletes a final, locked play with all its rows; its spans are deleted through the outbox. */
  async remove(sid: string, sql: Sql): Promise<Change | undefined> {
    const [change] = await this.removeWhere('play', 'sid = $1', sid, sql);
    return change;
  }

  /** Deletes all rows of all plays of a workflow. The caller has locked its row and checked that no play is active. */
  removeAllOf(workflowSid: string, sql: Sql): Promise<Change[]> {
    return this.removeWhere('workflow', 'workflow_sid = $1', workflowSid, sql);
  }

  /** Waits for the lock of a play that a retry is reopening, then deletes it with all its rows. */
  private async removeWhere(name: string, condition: string, value: string, sql: Sql): Promise<Change[]> {
    const changes = await sql.query<Change>(
      `remove_${name}`,
      `WITH gone AS (DELETE FROM plays WHERE ${condition} RETURNING *), told AS (
         INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, deleted)
         SELECT sid, workflow_sid, attempt, status, false, true FROM gone RETURNING *)
       SELECT ${changeOf('told')} FROM told`,
      [value],
    );
    const sids = changes.map(({ play_sid }) => play_sid);
    for (const table of ['inputs', 'steps', 'resumes', 'prefills', 'kept', 'links', 'idempotency']) {
      await sql.query(`remove_${table}`, `DELETE FROM ${table} WHERE play_sid = ANY($1)`, [sids]);
    }
    await sql.query('remove_outbox', 'DELETE FROM outbox WHERE play_sid = ANY($1) AND NOT deleted', [sids]);
    return changes;
  }

  async queue(): Promise<{ version: string; pending: number; running: number; awaiting_resume: number }> {
    const [row] = await this.database.query<{
      version: string;
      pending: number;
      running: number;
      awaiting_resume: number;
    }>(
      'play_queue',
      `SELECT current_setting('server_version') AS version, count(*) FILTER (WHERE status = 'pending')::int AS pending,
         count(*) FILTER (WHERE status = 'running')::int AS running,
         count(*) FILTER (WHERE status = 'awaiting_resume')::int AS awaiting_resume
       FROM plays WHERE status IN (${ACTIVE})`,
    );
    if (!row) throw new Error('count(*) returned no row.');
    return row;
  }
}

/** The state of a play that play_wait reads. */
export interface Standing {
  status: PlayStatus;
  /** Whether a question is open, with or without a form. */
  asks: boolean;
}

export type StepRow = Omit<NonNullable<Play['step_outputs']>[number], 'output'> & { output: Sized };

export interface Locked {
  play_sid: string;
  workflow_sid: string;
  status: PlayStatus;
  epoch: number;
  owner: string | null;
  attempt: number;
  suspended: boolean;
  prefill_only: boolean;
  error: Play['error'];
  failed_at: string[] | null;
}
