/** What a run leaves behind: lines of effects and of what attempts saw, and the rows of the registry. Read play by play, to be small. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { shapes } from '@hero/openrpc';
import type pg from 'pg';

/** One run of a step's body. */
export interface Effect {
  id: string;
  key: string;
  atMs: number;
  token: string;
}

/** What an attempt of a play saw. */
export interface Sighting {
  play_sid: string;
  id: string;
  value: shapes.Json;
}

/** One committed outcome. */
export interface Row {
  play_sid: string;
  name: string;
  role: string;
  span_id: string;
  kind: 'value' | 'error' | 'begun';
  place: string;
  parent_place: string;
  /** The idempotency key of its step. */
  key: string;
  /** The run of the body that produced it; null where it carries no token (a timeout, a decision). */
  token: string | null;
  epoch: number;
  group_no: number;
  ordinal: number;
  atMs: number;
}

export interface PlayRow {
  sid: string;
  status: string;
  parent_play_sid: string | null;
  attempt: number;
  total_cost_usd: number;
  forked: boolean;
}

/** Everything about the plays that share a label: the play, its children, its forks and theirs. */
export interface Evidence {
  effects: Effect[];
  sightings: Sighting[];
  plays: PlayRow[];
  rows: Row[];
  /** What an attempt found that another play had left: the play and the names. */
  found: string[];
  /** When each question was recorded, by name. */
  asked: Map<string, number>;
}

const PLAYS = `
  WITH RECURSIVE family AS (
    SELECT sid FROM registry.plays WHERE sid = ANY($1)
    UNION SELECT p.sid FROM registry.plays p JOIN family f ON p.parent_play_sid = f.sid
  )
  SELECT sid, status, parent_play_sid, attempt, total_cost_usd, forked_from IS NOT NULL AS forked
  FROM family JOIN registry.plays USING (sid)`;

const ROWS = `
  SELECT play_sid, step_key, name, role, span_id, kind, place, parent_place, epoch, group_no, ordinal,
    substring(outcome::text from 't-[0-9a-f]{12}') AS token,
    extract(epoch FROM committed_at)::float8 * 1000 AS "atMs"
  FROM registry.steps WHERE play_sid = ANY($1)`;

const ASKED = `
  SELECT name, extract(epoch FROM asked_at)::float8 * 1000 AS "atMs" FROM registry.resumes WHERE play_sid = ANY($1) AND role = 'pause'`;

export async function evidenceOf(
  db: pg.Client,
  folder: string,
  label: string,
  sids: readonly string[],
): Promise<Evidence> {
  const plays = (await db.query<PlayRow>(PLAYS, [sids])).rows;
  const all = plays.map(({ sid }) => sid);
  const found = (await db.query<Omit<Row, 'key'> & { step_key: string }>(ROWS, [all])).rows;
  const rows = found.map(({ step_key, ...row }) => ({ ...row, key: idempotencyKey(row.play_sid, step_key) }));
  const asked = (await db.query<{ name: string; atMs: number }>(ASKED, [all])).rows;
  return {
    plays,
    asked: new Map(asked.map(({ name, atMs }) => [name, atMs])),
    rows,
    found: await linesOf(join(folder, `${label}.found`)),
    effects: (await linesOf(join(folder, label))).map(effectOf),
    sightings: (await linesOf(join(folder, `${label}.saw`))).map(sightingOf),
  };
}

const linesOf = async (file: string): Promise<string[]> => {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
};

function effectOf(line: string): Effect {
  const [id = '', key = '', ns = '', token = ''] = line.split(' ');
  return { id, key, atMs: Number(ns) / 1e6, token };
}

function sightingOf(line: string): Sighting {
  const [play_sid, id, value] = JSON.parse(line) as [string, string, shapes.Json];
  return { play_sid, id, value };
}

/** As the SDK makes it (conformance/golden/places.json). */
const idempotencyKey = (playSid: string, stepKey: string): string =>
  createHash('sha256').update(`${playSid}|${stepKey}`).digest('hex').slice(0, 32);
