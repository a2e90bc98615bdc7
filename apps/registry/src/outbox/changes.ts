import type { PlayStatus } from '@hero/contracts';

/** One row of the outbox: what a committed change of a play still has to tell. */
export interface Change {
  /** Id of the outbox row. */
  id: number;
  play_sid: string;
  workflow_sid: string;
  attempt: number;
  status: PlayStatus;
  /** The status is new: a `status` event. */
  moved: boolean;
  answered: Answered[] | null;
  /** Set: a wake-up for the executors. */
  run_seq: number | null;
  deleted: boolean;
  at: string;
  /** Of a play that ended: who spawned it, and whether it spawned plays that still run. */
  parent_play_sid?: string | null;
  has_children?: boolean;
  /** Not published right after the commit: the sweep publishes it when it is due. */
  later: boolean;
}

export interface Answered {
  resume_id: string;
  resumed_by: string;
}

/** A claim that its executor no longer owns. */
export interface Gone {
  owner: string;
  play_sid: string;
  epoch: number;
}
