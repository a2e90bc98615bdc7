/** What one transaction of the ingest reads and writes. All of it happens under the row locks of the plays it names. */
import type { LogRow, PlayState, SpanState } from '@hero/spans';
import type { PoolClient } from 'pg';
import type { Arrival, Envelope } from './arrival.js';
import { copyInto, line } from './copy.js';
import { cellsOf, columnsOf, SPAN_COLUMNS, stateOf, UPDATE_SPANS } from './span-rows.js';

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
  SELECT b.play_sid, b.source, b.batch, b.first_seq, b.attempt, b.body
  FROM batches b JOIN unnest($1::text[], $2::text[], $3::integer[]) AS a (play_sid, source, batch)
    USING (play_sid, source, batch)`;

export type StoredBatch = Envelope & { first_seq: number; body: string };

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
  batches: readonly { arrival: Arrival; attempt: number; first_seq: number }[];
}

const LOG_COLUMNS = ['play_sid', 'seq', 'span_id', 'attempt', 'at', 'text', 'stream', 'nth'] as const;
const BATCH_COLUMNS = ['play_sid', 'first_seq', 'last_seq', 'attempt', 'source', 'batch', 'body'];

export async function writeAll(client: PoolClient, { plays, spans, logs, batches }: Written): Promise<void> {
  if (batches.length === 0) return;
  const added = spans.filter((span) => span.changed && !span.stored);
  const updated = spans.filter((span) => span.changed && span.stored);
  if (added.length > 0)
    await copyInto(
      client,
      'spans',
      SPAN_COLUMNS,
      added.map((span) => line(cellsOf(span))),
    );
  if (updated.length > 0) await client.query({ name: 'update_spans', text: UPDATE_SPANS, values: columnsOf(updated) });
  if (logs.length > 0) {
    const lines = logs.map((log) => line(LOG_COLUMNS.map((column) => log[column])));
    await copyInto(client, 'logs', LOG_COLUMNS, lines);
  }
  const lines = batches.map(({ arrival: a, attempt, first_seq }) =>
    line([a.play_sid, first_seq, first_seq + a.events.length - 1, attempt, a.source, a.batch, a.body]),
  );
  await copyInto(client, 'batches', BATCH_COLUMNS, lines);
  await updatePlays(client, plays);
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
