/** SQL of forks: lists the memory of a play and copies it under new keys. Outcomes never leave PostgreSQL. */
import type { Forked, MemoryRole } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

export interface ForkSource {
  sid: string;
  name: string;
  workflow_sid: string;
  version_sid: string;
  prefill_only: boolean;
  timeout_ms: number | null;
  /** JSON text. */
  input: string;
}

/** One item of memory: a step's outcome, or the answer to a wait. */
export interface Committed {
  /** Step key, or id of the wait. */
  key: string;
  place: string;
  parent_place: string;
  span_id: string;
  name: string;
  kind: 'value' | 'error' | 'begun' | 'answer';
  function_sha256: string;
  role: MemoryRole;
  /** Whether it was committed before the cut. */
  before: boolean;
  /** Its position in the order of memory; nulls if it was not taken yet, which sorts last. */
  epoch: number | null;
  group_no: number | null;
  ordinal: number | null;
}

export interface Rekeyed {
  old: string;
  key: string;
  span_id: string;
  /** In the memory of the new play. */
  ordinal: number;
}

@Injectable()
export class ForkStore {
  async source(sid: string, sql: Sql): Promise<ForkSource | undefined> {
    const [row] = await sql.query<ForkSource>(
      'fork_source',
      `SELECT p.sid, p.name, p.workflow_sid, p.version_sid, p.prefill_only, p.timeout_ms::float8 AS timeout_ms, i.input::text AS input
       FROM plays p JOIN inputs i ON i.play_sid = p.sid WHERE p.sid = $1`,
      [sid],
    );
    return row;
  }

  /**
   * The memory of a play, in the order of commits; `cut` is ISO text, null for no cut. Steps that have only begun are included, so
   * that the new play does not run an at_most_once step a second time.
   */
  steps(sid: string, cut: string | null, sql: Sql): Promise<Committed[]> {
    return sql.query(
      'fork_steps',
      `SELECT step_key AS key, place, parent_place, span_id, name, role, kind, function_sha256, epoch, group_no, ordinal,
              $2::timestamptz IS NULL OR committed_at < $2 AS before
       FROM steps WHERE play_sid = $1 ORDER BY epoch, group_no, ordinal`,
      [sid, cut],
    );
  }

  answers(sid: string, cut: string | null, sql: Sql): Promise<Committed[]> {
    return sql.query(
      'fork_answers',
      `SELECT id AS key, place, parent_place, span_id, name, role, outcome AS kind, '' AS function_sha256,
              taken_epoch AS epoch, taken_group AS group_no, taken_ordinal AS ordinal,
              $2::timestamptz IS NULL OR resumed_at < $2 AS before
       FROM resumes WHERE play_sid = $1 AND resumed_at IS NOT NULL AND (taken_epoch IS NOT NULL OR NOT withdrawn)
       ORDER BY resumes.resumed_at, asked_no`,
      [sid, cut],
    );
  }

  async takeSteps(from: string, to: string, kept: Rekeyed[], sql: Sql): Promise<void> {
    await sql.query(
      'fork_take_steps',
      `INSERT INTO steps (play_sid, step_key, place, parent_place, kind, outcome, span_id, name, role, function_sha256, epoch, group_no, ordinal)
       SELECT $2, k.key, s.place, s.parent_place, s.kind, s.outcome, k.span_id, s.name, s.role, s.function_sha256, 0, 0, k.ordinal
       FROM unnest($3::text[], $4::text[], $5::text[], $6::int[]) AS k(old, key, span_id, ordinal)
       JOIN steps s ON s.play_sid = $1 AND s.step_key = k.old`,
      [from, to, ...columns(kept)],
    );
  }

  /** Copies the answers of children. The children themselves stay those of the other play. */
  async takeAnswers(to: string, kept: Rekeyed[], sql: Sql): Promise<void> {
    await sql.query(
      'fork_take_answers',
      `INSERT INTO resumes (id, play_sid, kind, place, parent_place, name, role, schema, ui, span_id, asked_at, outcome, payload,
                            resumed_at, resumed_by, delivered, taken_epoch, taken_group, taken_ordinal)
       SELECT k.key, $1, r.kind, r.place, r.parent_place, r.name, r.role, r.schema, r.ui, k.span_id, r.asked_at, r.outcome, r.payload,
              r.resumed_at, r.resumed_by, true, 0, 0, k.ordinal
       FROM unnest($2::text[], $3::text[], $4::text[], $5::int[]) AS k(old, key, span_id, ordinal)
       JOIN resumes r ON r.id = k.old ORDER BY k.ordinal`,
      [to, ...columns(kept)],
    );
  }

  /** Prefilled answers that no kept question has used become available again. */
  async takePrefills(from: string, to: string, kept: Rekeyed[], sql: Sql): Promise<void> {
    await sql.query(
      'fork_take_prefills',
      `INSERT INTO prefills (play_sid, pattern, pos, payload)
       SELECT $2, pattern, pos, payload FROM prefills
       WHERE play_sid = $1 AND (used_by IS NULL OR used_by <> ALL($3::text[]))`,
      [from, to, kept.map(({ old }) => old)],
    );
  }

  async note(sid: string, forked: Forked, prefillOnly: boolean, sql: Sql): Promise<void> {
    const text = 'UPDATE plays SET forked_from = $2, prefill_only = $3 WHERE sid = $1';
    await sql.query('fork_note', text, [sid, JSON.stringify(forked), prefillOnly]);
  }
}

const columns = (kept: Rekeyed[]): unknown[] => [
  kept.map(({ old }) => old),
  kept.map(({ key }) => key),
  kept.map(({ span_id }) => span_id),
  kept.map(({ ordinal }) => ordinal),
];
