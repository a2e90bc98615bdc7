import type { PlayStatus } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

/** A wait for a child that ended without an output. */
export interface FailedChild {
  id: string;
  child_play_sid: string;
  status: PlayStatus;
}

/**
 * SQL that drops the remembered errors of a retried play, so that their steps run again. It drops exactly those of the spans in
 * `failed_at`: every span that the play's final error passed through (also those of the members of a group and of explicit causes).
 * Errors that the flow caught are kept. If the process was killed or ran out of time there are no such spans, and nothing is dropped.
 *
 * 1. A step is dropped together with its tries and the waits between them, so that it has all its tries again. The same holds for the
 *    entry flow, whose end is not a step.
 * 2. The timeout of a pause is an error like any other: its question is asked again.
 * 3. A failed child is retried in place, and its parent waits for it again; a cancelled child stays cancelled (I7).
 */
@Injectable()
export class RetryStore {
  /** Rules 1 and 2. A question whose time ran out is asked again with its whole time limit. */
  async dropErrors(playSid: string, failedAt: string[], sql: Sql): Promise<void> {
    await sql.query(
      'retry_drop_open',
      `DELETE FROM resumes WHERE play_sid = $1 AND resumed_at IS NULL AND kind <> 'child'`,
      [playSid],
    );
    if (failedAt.length === 0) return;
    const dropped = await sql.query<{ place: string }>(
      'retry_drop_steps',
      `DELETE FROM steps WHERE play_sid = $1 AND kind = 'error' AND span_id = ANY($2) RETURNING place`,
      [playSid, failedAt],
    );
    const below = [playSid, [...dropped.map(({ place }) => place), '']];
    await sql.query(
      'retry_drop_tries',
      `DELETE FROM steps WHERE play_sid = $1 AND role = 'try' AND kind = 'error' AND parent_place = ANY($2)`,
      below,
    );
    await sql.query(
      'retry_drop_backoffs',
      `DELETE FROM resumes WHERE play_sid = $1 AND role = 'backoff' AND parent_place = ANY($2)`,
      below,
    );
    await sql.query(
      'retry_drop_timeouts',
      `DELETE FROM resumes WHERE play_sid = $1 AND outcome = 'error' AND kind <> 'child' AND span_id = ANY($2)`,
      [playSid, failedAt],
    );
  }

  /** Rule 3: waits that the final error passed through, and those without an answer because the parent had ended before. */
  failedChildren(playSid: string, failedAt: string[], sql: Sql): Promise<FailedChild[]> {
    return sql.query(
      'retry_failed_children',
      `SELECT r.id, r.child_play_sid, c.status FROM resumes r JOIN plays c ON c.sid = r.child_play_sid
       WHERE r.play_sid = $1 AND r.kind = 'child' AND c.status IN ('failed', 'timed_out', 'cancelled')
         AND (r.resumed_at IS NULL OR (r.outcome = 'error' AND r.span_id = ANY($2)))
       ORDER BY r.child_play_sid`,
      [playSid, failedAt],
    );
  }

  /** Reopens a wait whose child is retried in place. */
  async waitAgain(id: string, sql: Sql): Promise<void> {
    await sql.query(
      'retry_wait_again',
      `UPDATE resumes SET outcome = NULL, payload = NULL, resumed_at = NULL, resumed_by = NULL, delivered = false,
         taken_epoch = NULL, taken_group = NULL, taken_ordinal = NULL, withdrawn = false WHERE id = $1`,
      [id],
    );
  }

  /** A cancelled child stays cancelled (I7): the step spawns a new one. */
  async forget(id: string, sql: Sql): Promise<void> {
    await sql.query('retry_forget_child', 'DELETE FROM resumes WHERE id = $1', [id]);
  }
}
