/** What queries read. Each answer is of one moment: its SQL runs in one snapshot (`reading`). */
import type { SpanCursor, SpanKind, SpanStatus } from '@hero/contracts';
import type { Database, Sql } from '@hero/persistence';
import type { NumberedBody } from './event-json.js';

export interface StoredPlay {
  seq: number;
  attempt: number;
  /** The final status; null while it has none. */
  final: string | null;
  /** When it ended, as its status event says; null while it has not. */
  final_at: string | null;
  spans: number;
  beyond: number;
  beyond_seq: number;
  root_id: string | null;
}

export function reading<T>(database: Database, work: (sql: Sql) => Promise<T>): Promise<T> {
  return database.tx(async (sql) => {
    await sql.query('one_moment', 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return work(sql);
  });
}

export async function findPlay(sql: Sql, sid: string): Promise<StoredPlay | undefined> {
  const [play] = await sql.query<StoredPlay>(
    'find_play',
    'SELECT seq, attempt, final, CASE WHEN final IS NULL THEN NULL ELSE final_at END AS final_at, spans, beyond, beyond_seq, root_id FROM plays WHERE sid = $1 AND deleted_at IS NULL',
    [sid],
  );
  return play;
}

export interface Window {
  sid: string;
  after: number;
  /** The newest event that the answer reflects. */
  upTo: number;
}

/** About how many bytes of an answer a span takes, beside its detail. */
const SPAN_BYTES = 320;

/**
 * Where an answer must end: at the newest event, or before, where that would be too many spans or bytes. Spans that one
 * event changed stay together, so that `after_seq` goes on without a gap.
 */
export async function endOfWindow(sql: Sql, window: Window, limit: number, bytes: number): Promise<number> {
  const size = `${SPAN_BYTES} + octet_length(name) + octet_length(detail)`;
  const values = [window.sid, window.after];
  const [all] = await sql.query<{ spans: number; bytes: number }>(
    'size_of_window',
    `SELECT count(*)::integer AS spans, coalesce(sum(${size}), 0)::float8 AS bytes FROM spans WHERE play_sid = $1 AND seq > $2`,
    values,
  );
  if (!all || (all.spans <= limit && all.bytes <= bytes)) return window.upTo;
  const [cut] = await sql.query<{ seq: number }>(
    'cut_window',
    `SELECT coalesce(max(seq) FILTER (WHERE spans <= $3 AND bytes <= $4), min(seq)) AS seq FROM (
       SELECT seq, sum(count(*)) OVER (ORDER BY seq) AS spans, sum(sum(${size})) OVER (ORDER BY seq) AS bytes
       FROM spans WHERE play_sid = $1 AND seq > $2 GROUP BY seq) AS w`,
    [...values, limit, bytes],
  );
  return cut?.seq ?? window.upTo;
}

export interface SpanRow {
  id: string;
  parent_id: string | null;
  name: string;
  kind: SpanKind;
  status: SpanStatus;
  attempt: number;
  started_in: number;
  ended_in: number;
  closed: boolean;
  first_seq: number;
  seq: number;
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  cost_usd: number;
  detail: string;
}

const SPANS =
  'id, parent_id, name, kind, status, attempt, started_in, ended_in, closed, first_seq, seq, started_at, ended_at, duration_ms, cost_usd, detail';

export function readSpans(sql: Sql, { sid, after, upTo }: Window): Promise<SpanRow[]> {
  return sql.query<SpanRow>('read_spans', `SELECT ${SPANS} FROM spans WHERE play_sid = $1 AND seq > $2 AND seq <= $3`, [
    sid,
    after,
    upTo,
  ]);
}

export interface PageOfSpans {
  sid: string;
  after: SpanCursor;
  limit: number;
  bytes: number;
}

/** At least one span, and one more than fits where there are more: so the caller knows. */
export function readSpanPage(sql: Sql, { sid, after, limit, bytes }: PageOfSpans): Promise<(SpanRow & Fits)[]> {
  return sql.query<SpanRow & Fits>(
    'read_span_page',
    `SELECT * FROM (
       SELECT ${SPANS}, nth, nth = 1 OR (nth <= $4 AND bytes <= $5) AS fits, lag(nth = 1 OR bytes <= $5, 1, true) OVER (ORDER BY nth) AS before
       FROM (SELECT w.*, row_number() OVER o AS nth, sum(${SPAN_BYTES} + octet_length(name) + octet_length(detail)) OVER o AS bytes
             FROM (SELECT * FROM spans WHERE play_sid = $1 AND (seq, first_seq) > ($2, $3)
                   ORDER BY seq, first_seq LIMIT $4 + 1) AS w
             WINDOW o AS (ORDER BY w.seq, w.first_seq)) AS sized) AS page
     WHERE before ORDER BY nth`,
    [sid, after.seq, after.first_seq, limit, bytes],
  );
}

export interface Fits {
  fits: boolean;
}

export function readSpan(sql: Sql, sid: string, id: string): Promise<SpanRow[]> {
  return sql.query<SpanRow>('read_span', `SELECT ${SPANS} FROM spans WHERE play_sid = $1 AND id = $2`, [sid, id]);
}

export interface SpanTimes {
  id: string;
  parent_id: string | null;
  first_seq: number;
  started_at: string;
  ended_at: string | null;
}

/** All spans of a play, without what they carry; parents began before their children. */
export function readTimes(sql: Sql, sid: string): Promise<SpanTimes[]> {
  return sql.query<SpanTimes>(
    'read_times',
    'SELECT id, parent_id, first_seq, started_at, ended_at FROM spans WHERE play_sid = $1 ORDER BY first_seq',
    [sid],
  );
}

/** Which of these spans are stored? */
export async function storedIds(sql: Sql, sid: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await sql.query<{ id: string }>(
    'stored_ids',
    'SELECT id FROM spans WHERE play_sid = $1 AND id = ANY($2)',
    [sid, ids],
  );
  return rows.map(({ id }) => id);
}

export type BatchRow = NumberedBody;

export function readBatches(sql: Sql, sid: string, after: number, limit: number, bytes: number): Promise<BatchRow[]> {
  return sql.query<BatchRow>(
    'read_batches',
    `SELECT play_sid, first_seq, attempt, body FROM (
       SELECT *, sum(octet_length(body)) OVER (ORDER BY last_seq) AS bytes FROM (
         SELECT * FROM batches WHERE play_sid = $1 AND last_seq > $2 ORDER BY last_seq LIMIT $3) AS page) AS sized
     WHERE bytes <= $4 OR first_seq <= $2 + 1 ORDER BY first_seq`,
    [sid, after, limit, bytes],
  );
}

/** How many of the batches 1 to `batch` of a source are stored. */
export async function countBatches(sql: Sql, sid: string, source: string, batch: number): Promise<number> {
  const [row] = await sql.query<{ stored: number }>(
    'count_batches',
    'SELECT count(*)::integer AS stored FROM batches WHERE play_sid = $1 AND source = $2 AND batch <= $3',
    [sid, source, batch],
  );
  return row?.stored ?? 0;
}

/** What stays is the mark that they are deleted: batches that come late are not stored again. */
export async function deletePlays(sql: Sql, sids: readonly string[]): Promise<void> {
  const sorted = [...sids].sort();
  await sql.query(
    'mark_deleted',
    `INSERT INTO plays (sid, deleted_at) SELECT sid, now() FROM unnest($1::text[]) AS sid ORDER BY sid
     ON CONFLICT (sid) DO UPDATE SET deleted_at = now(), seq = 0, spans = 0, beyond = 0, final = NULL, root_id = NULL`,
    [sorted],
  );
  for (const table of ['spans', 'logs', 'batches']) {
    await sql.query(`delete_${table}`, `DELETE FROM ${table} WHERE play_sid = ANY($1)`, [sorted]);
  }
}
