/** The SQL of executors’ leases, and of the plays that they own. */
import { Database, named } from '@hero/persistence';
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
export type Held = Omit<Gone, 'owner'>;

/** A sign of life. */
export interface Sign {
  owner: string;
  /** Of an executor that never renewed its lease: one of its claims. */
  claim: string;
  renewals: number;
}

/** No clock is read here: a renewal is a number that rises, and who looks at it has a clock of its own (leases.ts). */
@Injectable()
export class LeaseStore {
  constructor(private readonly database: Database) {}

  /**
   * Renews, and compares what the executor runs with what it should: `gone` are claims that it no longer owns, `unknown` are
   * claims that it owns without its knowledge. A play that it ended itself is not gone: its process is about to exit.
   */
  async renew(executor: Executor, plays: Held[]): Promise<{ gone: Held[]; unknown: Held[] }> {
    const rows = await RENEW(this.database, {
      ...executor,
      play_sids: plays.map(({ play_sid }) => play_sid),
      epochs: plays.map(({ epoch }) => epoch),
    });
    const only = (gone: boolean): Held[] =>
      rows.filter((row) => row.gone === gone).map(({ play_sid, epoch }) => ({ play_sid, epoch }));
    return { gone: only(true), unknown: only(false) };
  }

  /** Of each executor that has a claim how often it renewed its lease; of one that never did, each claim. */
  signs(): Promise<Sign[]> {
    return this.database.query(
      'lease_signs',
      `SELECT DISTINCT p.owner, CASE WHEN e.instance IS NULL THEN p.sid || ' ' || p.epoch ELSE '' END AS claim,
              coalesce(e.renewals, -1)::float8 AS renewals
       FROM plays p LEFT JOIN executors e ON e.instance = p.owner WHERE p.status = 'running'`,
    );
  }

  /** The claims of those that have not renewed since. */
  claimsOf(silent: Sign[], limit: number): Promise<Fence[]> {
    return this.database.query(
      'lease_claims_of',
      `SELECT p.owner, p.sid AS play_sid, p.epoch FROM unnest($1::text[], $2::text[], $3::float8[]) AS s(owner, claim, renewals)
       JOIN plays p ON p.owner = s.owner AND p.status = 'running' LEFT JOIN executors e ON e.instance = s.owner
       WHERE coalesce(e.renewals, -1) = s.renewals AND s.claim IN ('', p.sid || ' ' || p.epoch)
       ORDER BY p.claimed_at LIMIT $4`,
      [
        silent.map(({ owner }) => owner),
        silent.map(({ claim }) => claim),
        silent.map(({ renewals }) => renewals),
        limit,
      ],
    );
  }

  /** Removes executors that ended long ago and own no play. The time limit only tidies up. */
  async forget(): Promise<void> {
    await this.database.query(
      'executors_forget',
      `DELETE FROM executors e WHERE renewed_at < now() - interval '1 hour'
         AND NOT EXISTS (SELECT FROM plays p WHERE p.owner = e.instance AND p.status = 'running')`,
    );
  }
}

const RENEW = named<Executor & { play_sids: string[]; epochs: number[] }, Held & { gone: boolean }>(
  'executor_renew',
  `WITH renewed AS (
     INSERT INTO executors AS e (instance, host, pid, slots, busy, draining, renewals)
     VALUES (:instance, :host, :pid, :slots, :busy, :draining, 1)
     ON CONFLICT (instance) DO UPDATE SET host = :host, pid = :pid, slots = :slots, busy = :busy, draining = :draining,
       renewals = e.renewals + 1, renewed_at = now()
   ), held AS (
     SELECT * FROM unnest(:play_sids::text[], :epochs::int[]) AS h(play_sid, epoch)
   )
   SELECT h.play_sid, h.epoch, true AS gone FROM held h
   WHERE NOT EXISTS (SELECT FROM plays p WHERE p.sid = h.play_sid AND p.epoch = h.epoch AND p.owner = :instance
                     AND p.status IN ('running', 'success'))
   UNION ALL
   SELECT p.sid, p.epoch, false FROM plays p
   WHERE p.owner = :instance AND p.status = 'running'
     AND NOT EXISTS (SELECT FROM held h WHERE h.play_sid = p.sid AND h.epoch = p.epoch)`,
);
