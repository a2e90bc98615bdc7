/**
 * What becomes of a play whose wait was answered, whatever answered it: somebody, a timer, a child.
 *
 * 1. A play that waits becomes pending. One whose process is about to exit becomes pending when it has exited. One that runs
 *    (it may linger) takes the answer with its next `ask` or `pause`; its executor is notified, so that it does so immediately.
 *    One that is pending takes it with its claim.
 * 2. All of it happens in the transaction of the answer, under the lock on the play's row; it is published after the commit.
 * 3. Answers that arrive within the same second wake the play once: while other questions of it are open, an answer gives them a second
 *    before the play runs again. The last one ends that time.
 * 4. A wait that was withdrawn wakes nobody.
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
  /** A delayed wake-up that is now published without its delay. */
  hastened?: Change;
  notified?: Gone;
}

@Injectable()
export class Wakes {
  /** Wake-ups that wait for more answers, by their rows in the outbox. */
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
    /** Rule 3: other questions are open. */
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

  /** The sweep of the outbox would publish it too, a second late. */
  private tellLater(change: Change): void {
    const timer = setTimeout(() => {
      this.later.delete(change.id);
      this.relay.tell({ ...change, later: false });
    }, TOGETHER_MS);
    this.later.set(change.id, timer.unref());
  }
}
