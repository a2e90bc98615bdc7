/**
 * What becomes of a play whose wait was answered, whatever answered it: somebody, a timer, a child.
 *
 * 1. A play that waits becomes pending. One whose process is just going is told to come back. One that runs (it may linger) finds
 *    the answer when it asks; its executor is nudged, and asks at once. One that is pending finds it in its memory.
 * 2. All of it in the transaction of the answer, under the play's row; it is told after the commit.
 */
import { Injectable } from '@nestjs/common';
import type { Sql } from '@hero/persistence';
import type { Answered, Change, Gone } from '../outbox/changes.js';
import { MoveStore } from '../life/move-store.js';
import type { Locked } from '../plays/play-store.js';
import { Relay } from '../outbox/relay.js';
import { ResumeStore } from './resume-store.js';

export type Wakeable = Pick<Locked, 'play_sid' | 'status' | 'owner' | 'epoch' | 'suspended'>;

export interface Woken {
  change?: Change;
  nudged?: Gone;
}

@Injectable()
export class Wakes {
  constructor(
    private readonly moves: MoveStore,
    private readonly store: ResumeStore,
    private readonly relay: Relay,
  ) {}

  async wake(play: Wakeable, answered: Answered[], sql: Sql): Promise<Woken> {
    const { play_sid, status, owner, epoch, suspended } = play;
    if (status === 'awaiting_resume') return { change: await this.moves.move('pending', { play_sid, answered }, sql) };
    if (suspended) await this.store.wake(play_sid, sql);
    const change = await this.moves.tell(play_sid, answered, sql);
    const lingers = status === 'running' && !suspended && owner !== null;
    return { change, ...(lingers && { nudged: { owner, play_sid, epoch } }) };
  }

  tell({ change, nudged }: Woken): void {
    if (change) this.relay.tell(change);
    if (nudged) this.relay.nudge({ answered: [nudged] });
  }
}
