/** SQL of time limits of questions, and of timers. */
import { Database, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { ACTIVE } from '../sql/words.js';

export interface Due {
  id: string;
  play_sid: string;
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

@Injectable()
export class TimerStore {
  constructor(readonly database: Database) {}

  /** The waits of all plays whose time limit has passed. */
  due(limit: number): Promise<Due[]> {
    return this.database.query(
      'resumes_due',
      'SELECT id, play_sid FROM resumes WHERE due_at <= now() ORDER BY due_at LIMIT $1',
      [limit],
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
