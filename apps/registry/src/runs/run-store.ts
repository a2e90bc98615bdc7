/** The SQL of one attempt of a play: its claim, the lock on its row, its end. */
import type { EventsMark, JsonObject, PlayStatus, SandboxReport } from '@hero/contracts';
import { Database, named, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Change, Gone } from '../outbox/changes.js';
import type { Fence } from '../life/move-store.js';
import { changeOf, RUNNING_MS } from '../sql/words.js';

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
  /** The number of groups of this epoch that recorded nothing new. */
  idle_groups: number;
  crashes: number;
  unstarted: number;
  prefill_only: boolean;
}

@Injectable()
export class RunStore {
  constructor(readonly database: Database) {}

  /**
   * One compare-and-swap: of all who hold this wake-up, one gets the play (I2, I8). It takes every answer that nobody took, in the
   * order of the answers: so they have their place in the order of memory. (What is answered while this waits for the row is
   * taken by the group that asks for it.)
   */
  async claim(owner: string, playSid: string, runSeq: number, sandbox: SandboxReport): Promise<Claimed | undefined> {
    const [row] = await this.database.query<Claimed>(
      'play_claim',
      `WITH play AS (
         UPDATE plays SET status = 'running', epoch = epoch + 1, attempt = attempt + 1, owner = $3, sandbox = $4,
           group_no = 0, idle_groups = 0, suspended = false, wake = false, started_at = coalesce(started_at, now()), claimed_at = now(),
           running_since = now(), deadline_at = now() + (timeout_ms - ran_ms) * interval '1 millisecond',
           republish_at = NULL
         WHERE sid = $1 AND status = 'pending' AND run_seq = $2
         RETURNING sid, workflow_sid, version_sid, epoch, attempt, parent_span_id, forked_from IS NOT NULL AS forked, (timeout_ms - ran_ms)::float8 AS remaining_ms
       ), taken AS (
         UPDATE resumes r SET taken_epoch = a.epoch, taken_group = 0, taken_ordinal = a.n
         FROM (SELECT r2.id, play.epoch, row_number() OVER (ORDER BY r2.resumed_at, r2.asked_no) AS n
               FROM resumes r2 JOIN play ON r2.play_sid = play.sid
               WHERE r2.taken_epoch IS NULL AND NOT r2.withdrawn AND r2.resumed_at IS NOT NULL) a
         WHERE r.id = a.id
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
      `SELECT status, suspended, wake, group_no, idle_groups, crashes, unstarted, prefill_only FROM plays
       WHERE sid = $1 AND epoch = $2 AND owner = $3 AND status = 'running' FOR NO KEY UPDATE`,
      [fence.play_sid, fence.epoch, fence.owner],
    );
    return row;
  }

  /** The next group of the play is a pause or an ask; where it rests, its time stands still. Returns what is left of its time. */
  async advance(playSid: string, { events, diverged, ...group }: Advance, sql: Sql): Promise<number | null> {
    const [row] = await ADVANCE(sql, {
      ...group,
      play_sid: playSid,
      source: events?.source ?? null,
      batch: events?.batch ?? null,
      diverged: diverged && JSON.stringify(diverged),
    });
    return row?.remaining_ms ?? null;
  }

  /** Stops the time of a claimed play that cannot run yet, or lets it go on. Repeated, it changes nothing. */
  async prepare(fence: Fence, preparing: boolean): Promise<{ remaining_ms: number | null } | undefined> {
    const [row] = await PREPARE(this.database, { ...fence, preparing });
    return row;
  }

  /** The play has to run again after its suspended process exits. */
  async wake(playSid: string, sql: Sql): Promise<void> {
    await sql.query('play_wake', 'UPDATE plays SET wake = true WHERE sid = $1 AND suspended', [playSid]);
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

  /**
   * Running plays whose time is over though nobody said so. A live executor, which measures by a monotonic clock, is faster by the
   * seconds that are given here; they are many, because a database whose clock is set forward must not end what has time left.
   */
  overdue(limit: number): Promise<Gone[]> {
    return this.database.query(
      'play_overdue',
      `SELECT owner, sid AS play_sid, epoch FROM plays
       WHERE deadline_at < now() - interval '30 seconds' ORDER BY deadline_at LIMIT $1`,
      [limit],
    );
  }
}

const PREPARE = named<object, { remaining_ms: number | null }>(
  'play_prepare',
  `UPDATE plays SET
     ran_ms = CASE WHEN :preparing THEN ran_ms + ${RUNNING_MS} ELSE ran_ms END,
     running_since = CASE WHEN :preparing THEN NULL ELSE coalesce(running_since, now()) END,
     deadline_at = CASE WHEN :preparing THEN NULL
       ELSE coalesce(deadline_at, now() + (timeout_ms - ran_ms) * interval '1 millisecond') END
   WHERE sid = :play_sid AND epoch = :epoch AND owner = :owner AND status = 'running'
   RETURNING (timeout_ms - ran_ms - ${RUNNING_MS})::float8 AS remaining_ms`,
);

export interface Advance {
  group: number;
  cost_usd: number;
  /** It brought nothing new. */
  idle: boolean;
  suspended: boolean;
  wake: boolean;
  /** Its time stands still. */
  still: boolean;
  diverged: JsonObject | null;
  events: EventsMark | null;
}

const ADVANCE = named<object, { remaining_ms: number | null }>(
  'play_advance',
  `UPDATE plays SET group_no = :group, total_cost_usd = total_cost_usd + :cost_usd,
     idle_groups = idle_groups + CASE WHEN :idle THEN 1 ELSE 0 END,
     suspended = :suspended, wake = :wake,
     ran_ms = CASE WHEN :still THEN ran_ms + ${RUNNING_MS} ELSE ran_ms END,
     running_since = CASE WHEN :still THEN NULL ELSE coalesce(running_since, now()) END,
     deadline_at = CASE WHEN :still THEN NULL
       ELSE coalesce(deadline_at, now() + (timeout_ms - ran_ms) * interval '1 millisecond') END,
     events_source = coalesce(:source, events_source), events_batch = coalesce(:batch, events_batch),
     diverged = coalesce(diverged, :diverged)
   WHERE sid = :play_sid
   RETURNING (timeout_ms - ran_ms - ${RUNNING_MS})::float8 AS remaining_ms`,
);
