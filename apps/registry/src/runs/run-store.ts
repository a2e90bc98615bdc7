import type { PlayStatus, SandboxReport } from '@hero/contracts';
import { Database, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Change, Gone } from '../outbox/changes.js';
import type { Fence } from '../life/move-store.js';
import { changeOf } from '../sql/words.js';

export interface Claimed extends Change {
  epoch: number;
  version_sid: string;
  workflow_name: string;
  parent_span_id: string | null;
  forked: boolean;
  remaining_ms: number | null;
  input: string;
}

export interface HeldPlay {
  status: PlayStatus;
  suspended: boolean;
  wake: boolean;
  group_no: number;
  crashes: number;
  unstarted: number;
  prefill_only: boolean;
}

@Injectable()
export class RunStore {
  constructor(readonly database: Database) {}

  /** One compare-and-swap: of all who hold this wake-up, one gets the play (I2, I8). */
  async claim(owner: string, playSid: string, runSeq: number, sandbox: SandboxReport): Promise<Claimed | undefined> {
    const [row] = await this.database.query<Claimed>(
      'play_claim',
      `WITH play AS (
         UPDATE plays SET status = 'running', epoch = epoch + 1, attempt = attempt + 1, owner = $3, sandbox = $4,
           group_no = 0, suspended = false, wake = false, started_at = coalesce(started_at, now()), claimed_at = now(),
           running_since = now(), deadline_at = now() + (timeout_ms - ran_ms) * interval '1 millisecond',
           republish_at = NULL
         WHERE sid = $1 AND status = 'pending' AND run_seq = $2
         RETURNING sid, workflow_sid, version_sid, epoch, attempt, parent_span_id, forked_from IS NOT NULL AS forked, (timeout_ms - ran_ms)::float8 AS remaining_ms
       ), told AS (
         INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved)
         SELECT sid, workflow_sid, attempt, 'running', true FROM play RETURNING *
       )
       SELECT ${changeOf('told')}, play.epoch, play.version_sid, play.remaining_ms, play.parent_span_id, play.forked, i.input::text AS input,
         (SELECT name FROM workflows WHERE sid = play.workflow_sid) AS workflow_name
       FROM told, play JOIN inputs i ON i.play_sid = play.sid`,
      [playSid, runSeq, owner, JSON.stringify(sandbox)],
    );
    return row;
  }

  /** Locks the play of a claim: the fence of everything that takes more than one statement (I2). */
  async hold(fence: Fence, sql: Sql): Promise<HeldPlay | undefined> {
    const [row] = await sql.query<HeldPlay>(
      'play_hold',
      `SELECT status, suspended, wake, group_no, crashes, unstarted, prefill_only FROM plays
       WHERE sid = $1 AND epoch = $2 AND owner = $3 AND status = 'running' FOR NO KEY UPDATE`,
      [fence.play_sid, fence.epoch, fence.owner],
    );
    return row;
  }

  /** Whether this claim is the play's newest, whatever became of it; null where it is not. Locks nothing. */
  async statusOf(fence: Fence): Promise<PlayStatus | null> {
    const [row] = await this.database.query<{ status: PlayStatus }>(
      'play_status_of_claim',
      'SELECT status FROM plays WHERE sid = $1 AND epoch = $2 AND owner = $3',
      [fence.play_sid, fence.epoch, fence.owner],
    );
    return row?.status ?? null;
  }

  /** Running plays whose time is over though nobody said so; a live executor is faster by the second that is given here. */
  overdue(limit: number): Promise<Gone[]> {
    return this.database.query(
      'play_overdue',
      `SELECT owner, sid AS play_sid, epoch FROM plays
       WHERE deadline_at < now() - interval '1 second' ORDER BY deadline_at LIMIT $1`,
      [limit],
    );
  }
}
