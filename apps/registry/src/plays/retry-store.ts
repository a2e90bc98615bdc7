import type { PlayError, PlayStatus } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

/** A wait for a child that did not bring an output. */
export interface FailedChild {
  id: string;
  child_play_sid: string;
  status: PlayStatus;
}

interface Dropped {
  place: string;
}

/**
 * Which remembered errors a retry drops: those that the play's end came through, so that their steps run again.
 *
 * An error that is kept although it is on the way makes the retry fail at once, in vain; an error that is dropped although the
 * flow had caught it makes one failed step run again. So in doubt it is dropped:
 * - each error that arose where the play's end did: in one of the spans of `failed_at` (each member of a fan-out); a failure
 *   that passes through nested flows is remembered at each of them, with the span in which it arose;
 * - where the play's end says no spans (an older SDK, a process that died): the same type and message, and what the traceback names;
 * - errors with no value remembered after them (the other failures of a gather, which the first one outran);
 * - with a step its tries and its waits between them: it has all its tries again.
 * A timeout of a pause is an error too: its question is asked anew.
 */
@Injectable()
export class RetryStore {
  async dropErrors(playSid: string, error: PlayError, failedAt: string[], sql: Sql): Promise<void> {
    const spans = failedAt.length > 0 ? failedAt : [error.span_id ?? ''];
    const named = `(length(outcome ->> 'message') > 0
      AND position(concat(outcome ->> 'type', ': ', outcome ->> 'message') IN $5) > 0)`;
    const final = [playSid, spans, error.type, error.message, `${error.traceback}\n${error.message}`];
    const dropped = await sql.query<Dropped>(
      'retry_drop_steps',
      `DELETE FROM steps s WHERE play_sid = $1 AND kind = 'error' AND (
         span_id = ANY($2) OR outcome ->> 'span' = ANY($2)
         OR (outcome ->> 'type' = $3 AND outcome ->> 'message' = $4)
         OR ${named}
         OR NOT EXISTS (SELECT FROM steps later WHERE later.play_sid = $1 AND later.kind = 'value'
                        AND (later.epoch, later.group_no, later.ordinal) > (s.epoch, s.group_no, s.ordinal)))
       RETURNING place`,
      final,
    );
    await this.dropTries(
      playSid,
      dropped.map(({ place }) => place),
      sql,
    );
    await sql.query(
      'retry_drop_timeouts',
      `DELETE FROM resumes WHERE play_sid = $1 AND outcome = 'error' AND kind <> 'child'
         AND (span_id = ANY($2) OR (payload ->> 'type' = $3 AND payload ->> 'message' = $4)
              OR position(payload ->> 'message' IN $5) > 0)`,
      final,
    );
  }

  /** Of the dropped steps, and of the entry flow, whose own end is no step's. */
  private async dropTries(playSid: string, places: string[], sql: Sql): Promise<void> {
    const below = [playSid, [...places, '']];
    await sql.query(
      'retry_drop_tries',
      `DELETE FROM steps WHERE play_sid = $1 AND kind = 'error' AND parent_place = ANY($2) AND role = 'try'`,
      below,
    );
    await sql.query(
      'retry_drop_backoffs',
      `DELETE FROM resumes WHERE play_sid = $1 AND role = 'backoff' AND parent_place = ANY($2)`,
      below,
    );
  }

  /**
   * Waits for children that the end came through, and those that nobody answered because the parent had ended before. With
   * a step that is dropped its failed children go too: their spans stand in `failed_at`.
   */
  failedChildren(playSid: string, error: PlayError, failedAt: string[], sql: Sql): Promise<FailedChild[]> {
    return sql.query(
      'retry_failed_children',
      `SELECT r.id, r.child_play_sid, c.status FROM resumes r JOIN plays c ON c.sid = r.child_play_sid
       WHERE r.play_sid = $1 AND r.kind = 'child' AND c.status IN ('failed', 'timed_out', 'cancelled')
         AND (r.resumed_at IS NULL OR (r.outcome = 'error'
              AND (r.span_id = ANY($2) OR r.payload ->> 'message' = $3
                   OR NOT EXISTS (SELECT FROM steps later WHERE later.play_sid = $1 AND later.kind = 'value'
                                  AND later.committed_at > r.resumed_at))))
       ORDER BY r.child_play_sid`,
      [playSid, failedAt.length > 0 ? failedAt : [error.span_id ?? ''], error.message],
    );
  }

  /** The wait is open again: its child is retried in place. */
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
