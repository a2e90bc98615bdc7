/**
 * The one statement that takes a play from one status to another, and the outbox row that tells of it.
 *
 * 1. A play moves only along PLAY_TRANSITIONS, read backwards into the statement's own condition (I7).
 * 2. Who makes a play pending bumps `run_seq` and inserts the wake-up in the same statement.
 * 3. With a fence (epoch and owner) the update itself is the lock: a stale epoch finds no row (I2).
 * 4. Leaving `running` adds the time of this attempt to `ran_ms`, in database time; waits do not count.
 *    The end has the time at which it holds the row: nothing that was committed before it is later.
 * 5. Who ends a play closes its open questions and timers: nobody looks at them any more. Waits for children stay, for a retry.
 * 6. An attempt that committed a group made progress: what was counted in a row before it is forgotten, however it ends.
 */
import {
  type EventsMark,
  isFinal,
  type JsonObject,
  PLAY_STATUSES,
  type PlayError,
  type PlayStatus,
} from '@hero/contracts';
import { Database, named, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import type { Answered, Change } from '../outbox/changes.js';
import { ACTIVE, changeOf, RUNNING_MS, sources } from '../sql/words.js';

export interface Fence {
  owner: string;
  play_sid: string;
  epoch: number;
}

export interface Move {
  play_sid: string;
  /** Applies only if this claim still owns the play and the play is not suspended. */
  fence?: Fence;
  /** JSON text. */
  output?: string | null;
  error?: PlayError | null;
  failed_at?: string[];
  diverged?: JsonObject | null;
  cost_usd?: number;
  events?: EventsMark | null;
  crashes?: number;
  unstarted?: number;
  answered?: Answered[];
  /** The wake-up is published only after this delay. */
  delayMs?: number;
  /** A retry: counters and the time limit begin anew. */
  afresh?: boolean;
}

export interface Moved extends Change {
  epoch: number;
  owner: string | null;
}

/** Rule 6. */
const afterProgress = (count: string): string =>
  `CASE WHEN status = 'running' AND group_no > idle_groups THEN 0 ELSE ${count} END`;

const text = (to: PlayStatus): string => `
  WITH play AS (
    UPDATE plays SET status = '${to}',
      run_seq = run_seq + ${to === 'pending' ? 1 : 0},
      republish_at = ${to === 'pending' ? `now() + interval '5 seconds' + :delay_ms * interval '1 millisecond'` : 'NULL'},
      republished = 0,
      ran_ms = CASE WHEN :afresh THEN 0 ELSE ran_ms + ${RUNNING_MS} END,
      running_since = NULL, deadline_at = NULL, suspended = false, wake = false,
      output = :output, error = :error,
      total_cost_usd = total_cost_usd + :cost_usd,
      events_source = coalesce(:source, events_source), events_batch = coalesce(:batch, events_batch),
      crashes = CASE WHEN :afresh THEN 0 ELSE coalesce(:crashes, ${afterProgress('crashes')}) END,
      unstarted = CASE WHEN :afresh THEN 0 ELSE coalesce(:unstarted, ${afterProgress('unstarted')}) END,
      completed_at = ${isFinal(to) ? 'clock_timestamp()' : 'NULL'},
      failed_at = :failed_at, diverged = coalesce(diverged, :diverged)
    WHERE sid = :play_sid AND status IN (${sources(to)})
      AND (:epoch::int IS NULL OR (epoch = :epoch AND owner = :owner AND status = 'running' AND NOT suspended))
    RETURNING sid, workflow_sid, attempt, run_seq, epoch, owner, parent_play_sid
  ), ${
    isFinal(to)
      ? `closed AS (
    UPDATE resumes r SET withdrawn = true, due_at = NULL FROM play
    WHERE r.play_sid = play.sid AND r.taken_epoch IS NULL AND NOT r.withdrawn AND r.resumed_at IS NULL AND r.kind <> 'child'
  ), `
      : ''
  }told AS (
    INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, answered, run_seq, due_at)
    SELECT sid, workflow_sid, attempt, '${to}', true, :answered, ${to === 'pending' ? 'run_seq' : 'NULL'},
           now() + :delay_ms * interval '1 millisecond'
    FROM play RETURNING *
  )
  SELECT ${changeOf('told')}, play.epoch, play.owner${
    isFinal(to)
      ? `, play.parent_play_sid, EXISTS (SELECT FROM plays c WHERE c.parent_play_sid = play.sid AND c.status IN (${ACTIVE})) AS has_children`
      : ''
  } FROM told, play`;

const MOVES = new Map(PLAY_STATUSES.map((to) => [to, named<object, Moved>(`play_to_${to}`, text(to))]));

@Injectable()
export class MoveStore {
  constructor(readonly database: Database) {}

  /** Nothing where the play is not in a state that leads there, or the fence does not hold. */
  async move(to: PlayStatus, move: Move, sql: Sql = this.database): Promise<Moved | undefined> {
    const { fence, events } = move;
    const json = (value: object | null | undefined): string | null => (value ? JSON.stringify(value) : null);
    const rows = await MOVES.get(to)?.(sql, {
      play_sid: move.play_sid,
      epoch: fence?.epoch ?? null,
      owner: fence?.owner ?? null,
      output: move.output ?? null,
      error: json(move.error),
      cost_usd: move.cost_usd ?? 0,
      source: events?.source ?? null,
      batch: events?.batch ?? null,
      crashes: move.crashes ?? null,
      delay_ms: move.delayMs ?? 0,
      afresh: move.afresh ?? false,
      unstarted: move.unstarted ?? null,
      answered: json(move.answered),
      failed_at: json(move.failed_at),
      diverged: json(move.diverged),
    });
    return rows?.[0];
  }

  /** A wake-up that waits for more answers goes out now. */
  async hasten(playSid: string, sql: Sql): Promise<Change | undefined> {
    const [change] = await sql.query<Change>(
      'play_hasten',
      `UPDATE outbox o SET due_at = now()
       WHERE play_sid = $1 AND run_seq IS NOT NULL AND due_at > now() AND due_at < now() + interval '1 second'
       RETURNING ${changeOf('o')}`,
      [playSid],
    );
    return change;
  }

  /** Tells of answers that change no status; the play is locked by the caller. */
  async tell(playSid: string, answered: Answered[], sql: Sql): Promise<Change | undefined> {
    const [change] = await sql.query<Change>(
      'play_tell',
      `WITH told AS (
         INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, answered)
         SELECT sid, workflow_sid, attempt, status, false, $2 FROM plays WHERE sid = $1 RETURNING *)
       SELECT ${changeOf('told')} FROM told`,
      [playSid, JSON.stringify(answered)],
    );
    return change;
  }
}
