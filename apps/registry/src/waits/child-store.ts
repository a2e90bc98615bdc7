/** SQL of children: the wait of a parent for its child, and the delivery of the child's end. */
import type { PlayStatus } from '@hero/contracts';
import { Database, named, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { ACTIVE } from '../sql/words.js';

export interface ChildWait {
  id: string;
  play_sid: string;
  place: string;
  parent_place: string;
  span_id: string;
  name: string;
  child_play_sid: string;
}

export interface ChildEnd {
  id: string;
  delivered: boolean;
  asked_epoch: number;
  withdrawn: boolean;
  resumed: boolean;
  cost_usd: number;
  name: string;
  status: PlayStatus;
  /** JSON text. */
  output: string | null;
  error: { type: string; message: string } | null;
  total_cost_usd: number;
}

@Injectable()
export class ChildStore {
  constructor(readonly database: Database) {}

  async childOf(waitId: string, sql: Sql): Promise<string | undefined> {
    const text = 'SELECT child_play_sid FROM resumes WHERE id = $1';
    const [row] = await sql.query<{ child_play_sid: string }>('child_of_wait', text, [waitId]);
    return row?.child_play_sid;
  }

  async depthOf(playSid: string, sql: Sql): Promise<number> {
    const [row] = await sql.query<{ depth: number }>('play_depth', 'SELECT depth FROM plays WHERE sid = $1', [playSid]);
    return row?.depth ?? 0;
  }

  async record(wait: ChildWait, sql: Sql): Promise<void> {
    await RECORD(sql, wait);
  }

  /** The parent's wait for this child; undefined if there is none. */
  async parentOf(childSid: string, sql: Sql): Promise<string | undefined> {
    const text = `SELECT play_sid FROM resumes WHERE child_play_sid = $1 AND kind = 'child'`;
    const [row] = await sql.query<{ play_sid: string }>('child_parent', text, [childSid]);
    return row?.play_sid;
  }

  /** The wait and the child as they are now; the parent is locked, the child is not. */
  async end(childSid: string, sql: Sql): Promise<ChildEnd | undefined> {
    const [row] = await sql.query<ChildEnd>(
      'child_end',
      `SELECT r.id, r.delivered, r.asked_epoch, r.withdrawn, r.resumed_at IS NOT NULL AS resumed, r.cost_usd, r.name, c.status, c.output::text AS output,
              c.error, c.total_cost_usd
       FROM resumes r JOIN plays c ON c.sid = r.child_play_sid WHERE r.child_play_sid = $1 AND r.kind = 'child'`,
      [childSid],
    );
    return row;
  }

  /** Marks the end as delivered, and adds the new part of the cost to the parent. */
  async deliver(end: ChildEnd, parentSid: string, sql: Sql): Promise<void> {
    await sql.query('child_deliver', 'UPDATE resumes SET delivered = true, cost_usd = $2 WHERE id = $1', [
      end.id,
      end.total_cost_usd,
    ]);
    const more = end.total_cost_usd - end.cost_usd;
    if (more === 0) return;
    await sql.query('child_cost', 'UPDATE plays SET total_cost_usd = total_cost_usd + $2 WHERE sid = $1', [
      parentSid,
      more,
    ]);
    // The parent's own end may already have been delivered; the cost must then be added to its parent too.
    const text = `UPDATE resumes SET delivered = false WHERE child_play_sid = $1 AND kind = 'child' AND delivered`;
    await sql.query('child_cost_up', text, [parentSid]);
  }

  /** Children that have ended and whose end was not delivered. */
  async undelivered(limit: number): Promise<string[]> {
    const rows = await this.database.query<{ sid: string }>(
      'children_undelivered',
      `SELECT c.sid FROM resumes r JOIN plays c ON c.sid = r.child_play_sid
       WHERE r.kind = 'child' AND NOT r.delivered AND c.status NOT IN (${ACTIVE}) ORDER BY r.asked_no LIMIT $1`,
      [limit],
    );
    return rows.map(({ sid }) => sid);
  }

  /** Plays that have ended while their children still run. */
  async withOrphans(limit: number): Promise<string[]> {
    const rows = await this.database.query<{ sid: string }>(
      'plays_with_orphans',
      `SELECT DISTINCT p.sid FROM plays c JOIN plays p ON p.sid = c.parent_play_sid
       WHERE c.status IN (${ACTIVE}) AND c.parent_play_sid IS NOT NULL AND p.status NOT IN (${ACTIVE}) LIMIT $1`,
      [limit],
    );
    return rows.map(({ sid }) => sid);
  }
}

const RECORD = named<ChildWait>(
  'child_wait',
  `INSERT INTO resumes (id, play_sid, kind, role, place, parent_place, span_id, name, child_play_sid)
   VALUES (:id, :play_sid, 'child', 'invoke', :place, :parent_place, :span_id, :name, :child_play_sid)`,
);
