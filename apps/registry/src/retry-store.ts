import type { PlayError } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

/**
 * Which remembered errors a retry drops: those that the play's end may have come through, so that their steps run again.
 *
 * An error that is kept although it is on the way makes the retry fail at once, in vain; an error that is dropped although the
 * flow had caught it makes one failed step run again. So in doubt it is dropped:
 * - the error at the span where the play failed, and every error of the same type and message (a failure that passes through
 *   nested flows is remembered at each of them);
 * - errors that the final traceback or message names (a cause, a context, members of an exception group);
 * - errors with no value remembered after them (the other failures of a fan-out, which the first one outran).
 * A timeout of a pause is an error too: its question is asked anew.
 */
@Injectable()
export class RetryStore {
  async dropErrors(playSid: string, error: PlayError, sql: Sql): Promise<void> {
    const named = `(length(outcome ->> 'message') > 0
      AND position(concat(outcome ->> 'type', ': ', outcome ->> 'message') IN $5) > 0)`;
    const final = [playSid, error.span_id, error.type, error.message, `${error.traceback}\n${error.message}`];
    await sql.query(
      'retry_drop_steps',
      `DELETE FROM steps s WHERE play_sid = $1 AND kind = 'error' AND (
         span_id = $2
         OR (outcome ->> 'type' = $3 AND outcome ->> 'message' = $4)
         OR ${named}
         OR NOT EXISTS (SELECT FROM steps later WHERE later.play_sid = $1 AND later.kind = 'value'
                        AND (later.epoch, later.group_no, later.ordinal) > (s.epoch, s.group_no, s.ordinal)))`,
      final,
    );
    await sql.query(
      'retry_drop_timeouts',
      `DELETE FROM resumes WHERE play_sid = $1 AND outcome = 'error'
         AND (span_id = $2 OR (payload ->> 'type' = $3 AND payload ->> 'message' = $4)
              OR position(payload ->> 'message' IN $5) > 0)`,
      final,
    );
  }
}
