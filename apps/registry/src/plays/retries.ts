/**
 * play_retry: the one way back from a final status (I7).
 *
 * 1. Only the remembered errors that the final error passed through are dropped; values stay.
 * 2. Failed children that the error passed through are reopened in place, from parents to children. The wait for a cancelled child is
 *    dropped, so that its step spawns a new one.
 */
import { isFinal, type Params, type Play, PLAY_TRANSITIONS, type playRetry } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { type Moved, MoveStore } from '../life/move-store.js';
import { Relay } from '../outbox/relay.js';
import { type Locked, PlayStore } from './play-store.js';
import { noPlay, Plays, wrongState } from './plays.js';
import { RetryStore } from './retry-store.js';

@Injectable()
export class Retries {
  constructor(
    private readonly store: RetryStore,
    private readonly playStore: PlayStore,
    private readonly moves: MoveStore,
    private readonly plays: Plays,
    private readonly relay: Relay,
  ) {}

  async retry({ play_sid }: Params<typeof playRetry>): Promise<Play> {
    await failpoint('registry.retry.before');
    const moved = await this.playStore.database.tx(async (sql) => {
      const play = await this.playStore.lock(play_sid, sql);
      if (!play) throw noPlay(play_sid);
      // The only change from a final status (I7).
      const reopened = isFinal(play.status) && PLAY_TRANSITIONS[play.status].includes('pending');
      if (!reopened) throw wrongState(play, 'Only a failed or timed out play can be retried');
      return this.reopen(play, sql);
    });
    this.relay.tell(...moved);
    return this.plays.get(play_sid);
  }

  /** Reopens a play and the failed descendants that its error passed through. Locks are taken from parents to children. */
  private async reopen(play: Locked, sql: Sql): Promise<Moved[]> {
    const { play_sid } = play;
    const failedAt = play.failed_at ?? [];
    const moved: Moved[] = [];
    const failed = await this.store.failedChildren(play_sid, failedAt, sql);
    await this.store.dropErrors(play_sid, failedAt, sql);
    for (const { id, child_play_sid } of failed) {
      const child = await this.playStore.lock(child_play_sid, sql);
      if (child && PLAY_TRANSITIONS[child.status].includes('pending') && isFinal(child.status)) {
        await this.store.waitAgain(id, sql);
        moved.push(...(await this.reopen(child, sql)));
      } else if (child?.status === 'cancelled') await this.store.forget(id, sql);
    }
    const own = await this.moves.move('pending', { play_sid, afresh: true }, sql);
    return own ? [...moved, own] : moved;
  }
}
