/** What one transaction of the ingest reads and writes. All of it happens under the row locks of the plays it names. */
import { type LogRow, type PlayState, SHOWN_LINES, type SpanState } from '@hero/spans';
import type { PoolClient } from 'pg';
import type { Arrival, Envelope } from './arrival.js';
import { copyAll, CopyRows } from './copy.js';
import { columnsOf, SPAN_COLUMNS, stateOf, UPDATE_SPANS, writeSpan } from './span-rows.js';

const PLAY =
  'sid, seq, attempt, final, final_at, spans, beyond, beyond_seq, root_id, deleted_at IS NOT NULL AS deleted';

const LOCK_PLAYS = `SELECT ${PLAY} FROM plays WHERE sid = ANY($1) ORDER BY sid FOR UPDATE SKIP LOCKED`;

const ADD_PLAYS = `
  INSERT INTO plays (sid) SELECT sid FROM unnest($1::text[]) AS sid ORDER BY sid
  ON CONFLICT DO NOTHING RETURNING ${PLAY}`;

/**
 * Locks these plays, in the order of their sids, and makes those that do not exist. What another transaction holds is
 * left out, so that it delays no other play (I12).
 */
export async function lockPlays(
  client: PoolClient,
  sids: readonly string[],
  make: ReadonlySet<string>,
): Promise<Map<string, PlayState>> {
  const { rows } = await client.query<PlayState>({ name: 'lock_plays', text: LOCK_PLAYS, values: [sids] });
  const plays = new Map(rows.map((play) => [play.sid, play]));
  const missing = sids.filter((sid) => make.has(sid) && !plays.has(sid));
  if (missing.length > 0) {
    const added = await client.query<PlayState>({ name: 'add_plays', text: ADD_PLAYS, values: [missing] });
    for (const play of added.rows) plays.set(play.sid, play);
  }
  return plays;
}

const STORED_BATCHES = `
  SELECT b.play_sid, b.source, b.batch, b.first_seq, b.last_seq, b.attempt, b.body
  FROM batches b JOIN unnest($1::text[], $2::text[], $3::integer[]) AS a (play_sid, source, batch)
    USING (play_sid, source, batch)`;

export type StoredBatch = Envelope & { first_seq: number; last_seq: number; body: string };

export async function storedBatches(client: PoolClient, arrivals: readonly Arrival[]): Promise<StoredBatch[]> {
  const values = [arrivals.map((a) => a.play_sid), arrivals.map((a) => a.source), arrivals.map((a) => a.batch)];
  return (await client.query<StoredBatch>({ name: 'stored_batches', text: STORED_BATCHES, values })).rows;
}

const NAMED_SPANS = `
  SELECT ${SPAN_COLUMNS.map((name) => `s.${name}`).join(', ')}
  FROM unnest($1::text[], $2::text[]) AS w (play_sid, id) JOIN spans s USING (play_sid, id)`;
const OPEN_SPANS = `SELECT ${SPAN_COLUMNS.join(', ')} FROM spans WHERE play_sid = ANY($1) AND open`;

/** The spans that are named and exist, and all open ones of some plays. */
export async function loadSpans(
  client: PoolClient,
  named: readonly (readonly [playSid: string, id: string])[],
  openOf: readonly string[],
): Promise<SpanState[]> {
  const spans: SpanState[] = [];
  const load = async (name: string, text: string, values: unknown[]): Promise<void> => {
    const { rows } = await client.query<Parameters<typeof stateOf>[0]>({ name, text, values });
    for (const row of rows) spans.push(stateOf(row));
  };
  if (named.length > 0) await load('named_spans', NAMED_SPANS, [named.map(([sid]) => sid), named.map(([, id]) => id)]);
  if (openOf.length > 0) await load('open_spans', OPEN_SPANS, [openOf]);
  return spans;
}

export interface Written {
  plays: readonly PlayState[];
  spans: readonly SpanState[];
  logs: readonly LogRow[];
  batches: readonly { arrival: Arrival; attempt: number; first_seq: number; log_lines: number }[];
}

const LOG_COLUMNS = ['play_sid', 'span_id', 'seq', 'attempt'];
const BATCH_COLUMNS = ['play_sid', 'first_seq', 'last_seq', 'attempt', 'source', 'batch', 'log_lines', 'body'];

/** The rows of one transaction, as bytes. The next transaction that uses them overwrites them. */
export class Rows {
  private readonly spans = new CopyRows('spans', SPAN_COLUMNS);
  private readonly logs = new CopyRows('logs', LOG_COLUMNS);
  private readonly batches = new CopyRows('batches', BATCH_COLUMNS);
  private plays: readonly PlayState[] = [];
  private updated: SpanState[] = [];

  /** Takes what is to be written; nothing else of the group has to be kept. */
  fill({ plays, spans, logs, batches }: Written): void {
    this.clear();
    this.plays = plays;
    for (const span of spans) {
      if (!span.changed) continue;
      if (span.stored) this.updated.push(span);
      else writeSpan(this.spans, span);
    }
    for (const { play_sid, span_id, seq, attempt, nth } of logs) {
      if (span_id === null || nth === null || nth > SHOWN_LINES) continue;
      this.logs.row();
      this.logs.text(play_sid);
      this.logs.text(span_id);
      this.logs.integer(seq);
      this.logs.integer(attempt);
    }
    for (const { arrival, attempt, first_seq, log_lines } of batches) {
      this.batches.row();
      this.batches.text(arrival.play_sid);
      this.batches.integer(first_seq);
      this.batches.integer(first_seq + arrival.events.length - 1);
      this.batches.integer(attempt);
      this.batches.text(arrival.source);
      this.batches.integer(arrival.batch);
      this.batches.integer(log_lines);
      this.batches.bytes(arrival.body);
    }
  }

  async write(client: PoolClient): Promise<void> {
    if (this.batches.empty) return;
    if (this.updated.length > 0) {
      await client.query({ name: 'update_spans', text: UPDATE_SPANS, values: columnsOf(this.updated) });
    }
    await updatePlays(client, this.plays);
    await copyAll(client, [this.spans, this.logs, this.batches]);
  }

  clear(): void {
    for (const table of [this.spans, this.logs, this.batches]) table.clear();
    this.plays = [];
    this.updated = [];
  }
}

const UPDATE_PLAYS = `
  UPDATE plays p SET seq = v.seq, attempt = v.attempt, final = v.final, final_at = v.final_at, spans = v.spans,
    beyond = v.beyond, beyond_seq = v.beyond_seq, root_id = v.root_id
  FROM unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::integer[], $7::integer[],
    $8::integer[], $9::text[]) AS v (sid, seq, attempt, final, final_at, spans, beyond, beyond_seq, root_id)
  WHERE p.sid = v.sid`;
const PLAY_COLUMNS = [
  'sid',
  'seq',
  'attempt',
  'final',
  'final_at',
  'spans',
  'beyond',
  'beyond_seq',
  'root_id',
] as const;

async function updatePlays(client: PoolClient, plays: readonly PlayState[]): Promise<void> {
  const values = PLAY_COLUMNS.map((column) => plays.map((play) => play[column]));
  await client.query({ name: 'update_plays', text: UPDATE_PLAYS, values });
}
