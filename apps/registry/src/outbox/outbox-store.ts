/** The SQL of the outbox: rows that are due, rows that were published, and wake-ups that seem lost. */
import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Change } from './changes.js';
import { changeOf } from '../sql/words.js';

export interface Waiting {
  play_sid: string;
  run_seq: number;
  republished: number;
  /** When its newest wake-up was told. */
  told_at: Date;
}

/** Seconds until a wake-up is published again, by how often it was published again before. */
const delayAfter = (times: string): string => `least(60, 10 * 2 ^ least(${times}, 10))`;

export const OUTBOX_DUE = `SELECT ${changeOf('o')} FROM outbox o
  WHERE o.due_at <= now() AND o.at <= now() - $1 * interval '1 millisecond'
    AND NOT EXISTS (SELECT FROM outbox before WHERE before.play_sid = o.play_sid AND before.id < o.id AND before.due_at > now())
  ORDER BY o.due_at, o.id LIMIT $2`;

@Injectable()
export class OutboxStore {
  constructor(private readonly database: Database) {}

  /**
   * Rows that are due, oldest first; of one play in the order of their changes. `olderThanMs` leaves what its own registry is
   * telling right now.
   */
  due(olderThanMs: number, limit: number): Promise<Change[]> {
    return this.database.query('outbox_due', OUTBOX_DUE, [olderThanMs, limit]);
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
      `WITH overdue AS (
         SELECT sid, republish_at - CASE republished WHEN 0 THEN 5 ELSE ${delayAfter('republished - 1')} END * interval '1 second' AS told_at
         FROM plays WHERE status = 'pending' AND republish_at <= now()
         ORDER BY republish_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
       UPDATE plays p SET republished = republished + 1,
         republish_at = now() + ${delayAfter('republished')} * interval '1 second'
       FROM overdue WHERE p.sid = overdue.sid RETURNING p.sid AS play_sid, p.run_seq, p.republished, overdue.told_at`,
      [limit],
    );
  }

  /** The work stream is new: every wake-up that was in the old one is published again. */
  async allOverdue(): Promise<void> {
    await this.database.query(
      'plays_all_overdue',
      `UPDATE plays SET republish_at = now(), republished = 0 WHERE status = 'pending'`,
    );
  }
}
