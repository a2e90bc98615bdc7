/** The SQL that inserts a play, and that finds what kept one from being inserted. */
import type { Play } from '@hero/contracts';
import { Database, named, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Change } from '../outbox/changes.js';
import { ACTIVE, changeOf, textArray } from '../sql/words.js';

export interface NewPlay {
  sid: string;
  name: string;
  workflow_sid: string;
  version_sid: string;
  version_number: number;
  /** JSON text. */
  input: string;
  prefill_only: boolean;
  prefills: { pattern: string; pos: number; payload: string }[];
  parent_play_sid: string | null;
  parent_span_id: string | null;
  timeout_ms: number | null;
  idempotency_key: string | null;
  params_sha256: string;
  /** Set: the version was pinned from memory, and is the workflow's current one only if the workflow still has this name and this version. */
  remembered_name: string | null;
}

/** What keeps a play from being inserted. */
export interface Hindrance {
  /** The play that was started with this key. */
  known: { play_sid: string; params_sha256: string } | null;
  parent: { status: Play['status']; depth: number } | null;
  workflow: boolean;
}

/** How deep plays may spawn plays; a child of the deepest one is refused, whichever way it is started. */
export const DEEPEST = 100;

@Injectable()
export class StartStore {
  constructor(private readonly database: Database) {}

  /**
   * One statement, one commit: the play, its input, its prefill, its key and its wake-up. Nothing is inserted where the
   * key is taken, the workflow is being deleted, its current version is no longer the remembered one, or the parent is final: a cancelled parent gets no child (I6), because
   * whoever cancels it holds its row.
   */
  async insert(play: NewPlay, sql: Sql = this.database): Promise<Change | undefined> {
    const [change] = await START(sql, {
      ...play,
      patterns: play.prefills.map(({ pattern }) => pattern),
      positions: play.prefills.map(({ pos }) => pos),
      payloads: textArray(play.prefills.map(({ payload }) => payload)),
    });
    return change;
  }

  async hindrance(play: NewPlay): Promise<Hindrance> {
    const [row] = await this.database.query<{
      play_sid: string | null;
      params_sha256: string;
      parent: Hindrance['parent'];
      workflow: boolean;
    }>(
      'play_start_hindrance',
      `SELECT k.play_sid, k.params_sha256, (SELECT json_build_object('status', status, 'depth', depth) FROM plays WHERE sid = $2) AS parent,
              EXISTS (SELECT FROM workflows WHERE sid = $3) AS workflow
       FROM (SELECT) one LEFT JOIN idempotency k ON k.key = $1`,
      [play.idempotency_key, play.parent_play_sid, play.workflow_sid],
    );
    const { play_sid = null, params_sha256 = '', parent = null, workflow = false } = row ?? {};
    return { known: play_sid === null ? null : { play_sid, params_sha256 }, parent, workflow };
  }

  async byKey(key: string): Promise<Hindrance['known']> {
    const [row] = await this.database.query<{ play_sid: string; params_sha256: string }>(
      'play_by_key',
      'SELECT play_sid, params_sha256 FROM idempotency WHERE key = $1',
      [key],
    );
    return row ?? null;
  }
}

const START = named<NewPlay & { patterns: string[]; positions: number[]; payloads: string }, Change>(
  'play_start',
  `
  WITH workflow AS (
    SELECT sid FROM workflows WHERE sid = :workflow_sid
      AND (:remembered_name::text IS NULL OR (name = :remembered_name AND current_version_sid = :version_sid))
    FOR KEY SHARE
  ), parent AS (
    SELECT depth FROM plays WHERE sid = :parent_play_sid AND status IN (${ACTIVE}) FOR SHARE
  ), allowed AS (
    SELECT FROM workflow WHERE :parent_play_sid::text IS NULL OR EXISTS (SELECT FROM parent WHERE depth < ${DEEPEST})
  ), keyed AS (
    INSERT INTO idempotency (key, play_sid, params_sha256) SELECT :idempotency_key, :sid, :params_sha256 FROM allowed WHERE :idempotency_key::text IS NOT NULL
    ON CONFLICT (key) DO NOTHING RETURNING key
  ), play AS (
    INSERT INTO plays (sid, name, workflow_sid, version_sid, version_number, prefill_only, parent_play_sid, parent_span_id,
                       timeout_ms, depth)
    SELECT :sid, :name, :workflow_sid, :version_sid, :version_number, :prefill_only, :parent_play_sid, :parent_span_id, :timeout_ms, coalesce((SELECT depth + 1 FROM parent), 0) FROM allowed WHERE :idempotency_key::text IS NULL OR EXISTS (SELECT FROM keyed)
    RETURNING sid, workflow_sid, attempt, status, run_seq
  ), given AS (
    INSERT INTO inputs (play_sid, input) SELECT sid, :input FROM play
  ), prefilled AS (
    INSERT INTO prefills (play_sid, pattern, pos, payload)
    SELECT sid, f.* FROM play, unnest(:patterns::text[], :positions::int[], :payloads::json[]) AS f
  ), told AS (
    INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, run_seq)
    SELECT sid, workflow_sid, attempt, status, true, run_seq FROM play RETURNING *
  )
  SELECT ${changeOf('told')} FROM told`,
);
