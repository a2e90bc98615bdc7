/**
 * Wakes a play whose wait was answered by a person, a timer or a child.
 *
 * 1. A waiting play becomes pending. A play whose process is about to exit becomes pending after the exit. A running play
 *    (it may linger) takes the answer with its next `ask` or `pause`; its executor is notified, so that this happens immediately.
 *    A pending play takes the answer with its claim.
 * 2. All of this happens in the transaction of the answer, under the lock of the play's row, and is published after the commit.
 * 3. Answers that arrive within the same second wake the play once: if other questions of the play are open, its wake-up is delayed
 *    by a second. The answer to the last open question ends the delay.
 * 4. A withdrawn wait does not wake its play.
 */
import { Injectable } from '@nestjs/common';
import type { Sql } from '@hero/persistence';
import type { Answered, Change, Gone } from '../outbox/changes.js';
import { MoveStore } from '../life/move-store.js';
import type { Locked } from '../plays/play-store.js';
import { Relay } from '../outbox/relay.js';
import { RunStore } from '../runs/run-store.js';
import type { AskedRow } from './resume-store.js';

export type Wakeable = Pick<Locked, 'play_sid' | 'status' | 'owner' | 'epoch' | 'suspended'>;

/** Rule 3. */
const TOGETHER_MS = 1_000;

export interface Woken {
  change?: Change;
  /** A delayed wake-up that is to be published now. */
  hastened?: Change;
  notified?: Gone;
}

@Injectable()
export class Wakes {
  /** Timers of delayed wake-ups, by their rows in the outbox. */
  private readonly later = new Map<number, NodeJS.Timeout>();

  constructor(
    private readonly moves: MoveStore,
    private readonly runs: RunStore,
    private readonly relay: Relay,
  ) {}

  async wake(
    play: Wakeable,
    wait: Pick<AskedRow, 'asked_epoch' | 'withdrawn'>,
    answered: Answered[],
    sql: Sql,
    /** Rule 3: delays the wake-up because other questions are open. */
    more = false,
  ): Promise<Woken> {
    const { play_sid, status, owner, epoch, suspended } = play;
    const delayMs = more ? TOGETHER_MS : 0;
    if (wait.withdrawn) return { change: await this.moves.tell(play_sid, answered, sql) };
    if (status === 'awaiting_resume') {
      return { change: await this.moves.move('pending', { play_sid, answered, delayMs }, sql) };
    }
    if (suspended) await this.runs.wake(play_sid, sql);
    const change = await this.moves.tell(play_sid, answered, sql);
    if (status === 'pending' && !more) return { change, hastened: await this.moves.hasten(play_sid, sql) };
    const asks = status === 'running' && !suspended && owner !== null && wait.asked_epoch === epoch;
    return { change, ...(asks && { notified: { owner, play_sid, epoch } }) };
  }

  tell({ change, hastened, notified }: Woken): void {
    if (change) this.relay.tell(change);
    if (hastened) {
      clearTimeout(this.later.get(hastened.id));
      this.later.delete(hastened.id);
      this.relay.tell(hastened);
    }
    if (change?.later) this.tellLater(change);
    if (notified) this.relay.notify({ answered: [notified] });
  }

  /** Without this timer the sweep of the outbox would publish the wake-up up to a second late. */
  private tellLater(change: Change): void {
    const timer = setTimeout(() => {
      this.later.delete(change.id);
      this.relay.tell({ ...change, later: false });
    }, TOGETHER_MS);
    this.later.set(change.id, timer.unref());
  }
}
