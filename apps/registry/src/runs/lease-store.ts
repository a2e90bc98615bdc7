import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Gone } from '../outbox/changes.js';
import type { Fence } from '../life/move-store.js';

export interface Executor {
  instance: string;
  host: string;
  pid: number;
  slots: number;
  busy: number;
  draining: boolean;
}
type Held = Omit<Gone, 'owner'>;

/** Time is the database's everywhere here: no two clocks are compared. */
@Injectable()
export class LeaseStore {
  constructor(private readonly database: Database) {}

  /**
   * Renews, and compares what the executor runs with what it should: `gone` is no longer its own, `lost` is its own for more
   * than 3 s without its knowledge (a claim whose reply was lost). A play that it ended itself is not gone: its process is
   * just going.
   */
  async renew(executor: Executor, plays: Held[]): Promise<{ gone: Held[]; lost: Held[] }> {
    const rows = await this.database.query<Held & { gone: boolean }>(
      'executor_renew',
      `WITH renewed AS (
         INSERT INTO executors AS e (instance, host, pid, slots, busy, draining) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (instance) DO UPDATE SET host = $2, pid = $3, slots = $4, busy = $5, draining = $6, renewed_at = now()
       ), held AS (
         SELECT * FROM unnest($7::text[], $8::int[]) AS h(play_sid, epoch)
       )
       SELECT h.play_sid, h.epoch, true AS gone FROM held h
       WHERE NOT EXISTS (SELECT FROM plays p WHERE p.sid = h.play_sid AND p.epoch = h.epoch AND p.owner = $1
                         AND p.status IN ('running', 'success'))
       UNION ALL
       SELECT p.sid, p.epoch, false FROM plays p
       WHERE p.owner = $1 AND p.status = 'running' AND p.claimed_at < now() - interval '3 seconds'
         AND NOT EXISTS (SELECT FROM held h WHERE h.play_sid = p.sid AND h.epoch = p.epoch)`,
      [
        executor.instance,
        executor.host,
        executor.pid,
        executor.slots,
        executor.busy,
        executor.draining,
        plays.map(({ play_sid }) => play_sid),
        plays.map(({ epoch }) => epoch),
      ],
    );
    const only = (gone: boolean): Held[] =>
      rows.filter((row) => row.gone === gone).map(({ play_sid, epoch }) => ({ play_sid, epoch }));
    return { gone: only(true), lost: only(false) };
  }

  /** Claims of executors whose lease is over, or that never took one. None for a while after PostgreSQL itself started. */
  orphans(leaseMs: number, limit: number): Promise<Fence[]> {
    return this.database.query(
      'orphans',
      `SELECT p.owner, p.sid AS play_sid, p.epoch FROM plays p LEFT JOIN executors e ON e.instance = p.owner
       WHERE p.status = 'running' AND coalesce(e.renewed_at, p.claimed_at) < now() - $1 * interval '1 millisecond'
         AND pg_postmaster_start_time() < now() - $1 * interval '1 millisecond'
       ORDER BY p.claimed_at LIMIT $2`,
      [leaseMs, limit],
    );
  }

  /** Executors that are long gone and hold nothing. */
  async forget(): Promise<void> {
    await this.database.query(
      'executors_forget',
      `DELETE FROM executors e WHERE renewed_at < now() - interval '1 hour'
         AND NOT EXISTS (SELECT FROM plays p WHERE p.owner = e.instance AND p.status = 'running')`,
    );
  }
}
