/** SQL of time limits of questions, and of timers. */
import { Database, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { ACTIVE } from '../sql/words.js';

export interface Due {
  id: string;
  play_sid: string;
  /** Not above 0: it is due. */
  due_ms: number;
}

/** The fields that an answer by timeout needs. */
export interface Expiry {
  name: string;
  fallback: string | null;
  seconds: number;
}

export interface DueRow extends Expiry {
  waits: boolean;
  status: 'pending' | 'running' | 'awaiting_resume';
  suspended: boolean;
  owner: string | null;
  epoch: number;
  asked_epoch: number;
  withdrawn: boolean;
}

const EXPIRY = `r.name, r.fallback::text AS fallback, extract(epoch FROM r.expires_at - r.asked_at)::float8 AS seconds`;

export const DUE_MS = 'extract(epoch FROM due_at - now())::float8 * 1000';

@Injectable()
export class TimerStore {
  constructor(readonly database: Database) {}

  /** The waits of all plays whose time limit has passed, or will pass so soon. */
  due(withinMs: number, limit: number): Promise<Due[]> {
    return this.database.query(
      'resumes_due',
      `SELECT id, play_sid, ${DUE_MS} AS due_ms FROM resumes
       WHERE due_at <= now() + $1 * interval '1 millisecond' ORDER BY due_at LIMIT $2`,
      [withinMs, limit],
    );
  }

  expiries(ids: string[], sql: Sql): Promise<(Expiry & { id: string })[]> {
    const text = `SELECT r.id, ${EXPIRY} FROM resumes r WHERE id = ANY($1) ORDER BY r.due_at, r.asked_no`;
    return sql.query('resume_expiries', text, [ids]);
  }

  /** Locks the play of a due wait; undefined if another transaction holds it. `waits` is false if the play has ended. */
  async lockDue({ id, play_sid }: Due, sql: Sql): Promise<DueRow | undefined> {
    const [row] = await sql.query<DueRow>(
      'resume_lock_due',
      `WITH play AS (
         SELECT sid, status, suspended, owner, epoch FROM plays WHERE sid = $2 FOR NO KEY UPDATE SKIP LOCKED)
       SELECT play.status IN (${ACTIVE}) AS waits, play.status, play.suspended, play.owner, play.epoch, r.asked_epoch,
              r.withdrawn, ${EXPIRY}
       FROM play, resumes r WHERE r.id = $1`,
      [id, play_sid],
    );
    return row;
  }

  /** Removes the time limit of a wait that was withdrawn or whose play has ended. */
  async forget(id: string, sql: Sql): Promise<void> {
    await sql.query('resume_forget_timer', 'UPDATE resumes SET due_at = NULL WHERE id = $1', [id]);
  }
}
