import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Change } from './changes.js';
import { changeOf } from '../sql/words.js';

export interface Waiting {
  play_sid: string;
  run_seq: number;
  republished: number;
}

@Injectable()
export class OutboxStore {
  constructor(private readonly database: Database) {}

  /** Rows that are due, oldest first. `olderThanMs` leaves what its own registry is telling right now. */
  due(olderThanMs: number, limit: number): Promise<Change[]> {
    return this.database.query(
      'outbox_due',
      `SELECT ${changeOf('o')} FROM outbox o
       WHERE o.due_at <= now() AND o.at <= now() - $1 * interval '1 millisecond' ORDER BY o.id LIMIT $2`,
      [olderThanMs, limit],
    );
  }

  async told(ids: number[]): Promise<void> {
    await this.database.query('outbox_told', 'DELETE FROM outbox WHERE id = ANY($1::bigint[])', [ids]);
  }

  /** All rows of the play, so that their order stays. */
  async later(playSid: string, delayMs: number): Promise<void> {
    await this.database.query(
      'outbox_later',
      `UPDATE outbox SET due_at = now() + $2 * interval '1 millisecond' WHERE play_sid = $1`,
      [playSid, delayMs],
    );
  }

  /**
   * Pending plays whose wake-up seems lost: 5 s without a claim, then 10, 20, 40, 60. Taken by one registry at a time.
   */
  overdue(limit: number): Promise<Waiting[]> {
    return this.database.query(
      'plays_overdue',
      `UPDATE plays SET republished = republished + 1,
         republish_at = now() + least(60, 10 * 2 ^ least(republished, 10)) * interval '1 second'
       WHERE sid IN (SELECT sid FROM plays WHERE status = 'pending' AND republish_at <= now()
                     ORDER BY republish_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
       RETURNING sid AS play_sid, run_seq, republished`,
      [limit],
    );
  }

  async pending(): Promise<number> {
    const [row] = await this.database.query<{ n: number }>(
      'plays_pending',
      `SELECT count(*)::int AS n FROM plays WHERE status = 'pending'`,
    );
    return row?.n ?? 0;
  }

  /** The work stream is new: every wake-up that was in the old one is told again. */
  async allOverdue(): Promise<void> {
    await this.database.query(
      'plays_all_overdue',
      `UPDATE plays SET republish_at = now(), republished = 0 WHERE status = 'pending'`,
    );
  }
}
