/**
 * Log lines as queries get them. Their text is in the batches only: a batch is read where it has lines that are asked for, and a
 * bounded number of bytes at a time. Each batch is parsed in a turn of the event loop of its own, so that other work goes on.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type AnyEvent, MIB } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { eventsIn } from './event-json.js';

/** Bytes of batches that are parsed together. */
const PART_BYTES = 4 * MIB;
const PART_LINES = 2_000;
const PART_BATCHES = 200;
/** Bytes of batches that are parsed for the lines of one answer of spans. */
const PARSED_BYTES = 64 * MIB;
/** What a line shown with a span takes in the answer beside its text, and the least that a text takes: two quotes. */
const LINE_BYTES = 60;
const SHORTEST_TEXT = 2;

type LogEvent = AnyEvent & { type: 'log' };

interface Batch {
  first_seq: number;
  last_seq: number;
  body: string;
}

export interface SpanLog {
  span_id: string;
  attempt: number;
  at: string;
  text: string;
}

/**
 * The lines shown with spans: of the run that is shown, the first 200 of each (`logs`), up to so many bytes of lines, and as far as
 * PARSED_BYTES of batches reach.
 */
export async function readSpanLogs(sql: Sql, sid: string, spans: readonly string[], bytes: number): Promise<SpanLog[]> {
  const shown = await sql.query<{ span_id: string; attempt: number; seq: number }>(
    'read_span_lines',
    `SELECT l.span_id, l.attempt, l.seq FROM logs l JOIN spans s ON s.play_sid = l.play_sid AND s.id = l.span_id
     WHERE l.play_sid = $1 AND l.attempt >= s.started_in AND s.id = ANY($2) ORDER BY l.seq LIMIT $3`,
    [sid, spans, Math.floor(bytes / (LINE_BYTES + SHORTEST_TEXT))],
  );
  const lines: SpanLog[] = [];
  let room = bytes;
  let parsed = 0;
  for (let next = 0; next < shown.length; ) {
    const part = shown.slice(next, next + PART_LINES).map(({ seq }) => seq);
    const batches = await batchesWith(sql, sid, part);
    if (batches.length === 0) break;
    for (const { first_seq, last_seq, body } of batches) {
      parsed += body.length;
      if (parsed > PARSED_BYTES) return lines;
      await turn();
      const events = eventsIn(body);
      for (let line = shown[next]; line && line.seq <= last_seq; line = shown[++next]) {
        const { at, text } = events[line.seq - first_seq] as LogEvent;
        room -= LINE_BYTES + jsonBytes(text);
        if (room < 0) return lines;
        lines.push({ span_id: line.span_id, attempt: line.attempt, at, text });
      }
    }
  }
  return lines;
}

/** The batches that hold these events, in order: the first ones, up to PART_BYTES, at least one. */
function batchesWith(sql: Sql, sid: string, seqs: readonly number[]): Promise<Batch[]> {
  return sql.query<Batch>(
    'batches_with',
    `SELECT first_seq, last_seq, body FROM (
       SELECT first_seq, b.last_seq, body, sum(octet_length(body)) OVER o AS bytes, row_number() OVER o AS nth
       FROM (SELECT DISTINCT last_seq FROM unnest($2::integer[]) AS wanted (seq), LATERAL (
               SELECT last_seq FROM batches WHERE play_sid = $1 AND last_seq >= seq ORDER BY last_seq LIMIT 1) AS one) AS found
       JOIN batches b ON b.play_sid = $1 AND b.last_seq = found.last_seq WINDOW o AS (ORDER BY b.last_seq)) AS sized
     WHERE bytes <= ${PART_BYTES} OR nth = 1 ORDER BY last_seq`,
    [sid, seqs],
  );
}

export interface LogLine {
  at: string;
  text: string;
  span_id: string | null;
  stream: 'log' | 'stdout' | 'stderr';
}

/** The newest lines of the newest attempt, oldest first. */
export async function readLogs(sql: Sql, sid: string, limit: number, bytes: number): Promise<LogLine[]> {
  const newestFirst: LogLine[] = [];
  let room = bytes;
  for (let before: number | undefined; ; ) {
    const batches = await newestWithLines(sql, sid, before);
    for (const { body } of batches) {
      await turn();
      for (const event of eventsIn(body).reverse()) {
        if (event.type !== 'log') continue;
        const { at, text, span_id, stream } = event;
        room -= 100 + jsonBytes(text);
        if (room < 0 || newestFirst.length === limit) return newestFirst.reverse();
        newestFirst.push({ at, text, span_id, stream: stream ?? 'log' });
      }
    }
    before = batches.at(-1)?.first_seq;
    if (before === undefined || newestFirst.length === limit) return newestFirst.reverse();
  }
}

function newestWithLines(sql: Sql, sid: string, before: number | undefined): Promise<Batch[]> {
  return sql.query<Batch>(
    'newest_with_lines',
    `SELECT first_seq, last_seq, body FROM (
       SELECT *, sum(octet_length(body)) OVER o AS bytes, row_number() OVER o AS nth FROM (
         SELECT b.* FROM batches b JOIN plays p ON p.sid = b.play_sid AND p.attempt = b.attempt AND p.deleted_at IS NULL
         WHERE b.play_sid = $1 AND b.log_lines > 0 AND b.last_seq < $2
         ORDER BY b.last_seq DESC LIMIT ${PART_BATCHES}) AS newest WINDOW o AS (ORDER BY last_seq DESC)) AS sized
     WHERE bytes <= ${PART_BYTES} OR nth = 1 ORDER BY last_seq DESC`,
    [sid, before ?? 2 ** 31 - 1],
  );
}

/** As much as the line takes in the answer. */
const jsonBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text));
