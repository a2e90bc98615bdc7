/**
 * Cancels plays, with their spawned children.
 *
 * 1. A cancel is one transaction from the play down through its spawned children. A transaction that already holds a row goes first;
 *    every later one finds the play final and wakes nothing (I6).
 * 2. A final status stays (I7).
 */
import { isFinal, type Params, type Play, type playCancel } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { storable } from '../life/endings.js';
import { type Moved, MoveStore } from '../life/move-store.js';
import type { Gone } from '../outbox/changes.js';
import { Relay } from '../outbox/relay.js';
import { type Locked, PlayStore } from './play-store.js';
import { noPlay, Plays, wrongState } from './plays.js';

@Injectable()
export class Cancels {
  constructor(
    private readonly store: PlayStore,
    private readonly moves: MoveStore,
    private readonly relay: Relay,
    private readonly plays: Plays,
  ) {}

  async cancel({ play_sid, reason }: Params<typeof playCancel>): Promise<Play> {
    await failpoint('registry.cancel.before');
    const moved = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(play_sid, sql);
      if (!play) throw noPlay(play_sid);
      if (isFinal(play.status)) throw wrongState(play, 'It can no longer be cancelled');
      return this.cancelTree([play], reason, sql);
    });
    await failpoint('registry.cancel.after');
    this.tell(moved);
    return this.plays.get(play_sid);
  }

  /** For the deletion of a workflow: cancels its plays that are not final, with all children. The caller announces them after the commit. */
  async cancelAllOf(workflowSid: string, reason: string, sql: Sql): Promise<Moved[]> {
    const moved: Moved[] = [];
    for (const sid of await this.store.sidsOf(workflowSid, 'active', sql)) {
      const play = await this.store.lock(sid, sql);
      if (play && !isFinal(play.status)) moved.push(...(await this.cancelTree([play], reason, sql)));
    }
    return moved;
  }

  /** Cancels the children of a play that still run. */
  async cancelChildren(sid: string, reason: string): Promise<void> {
    const moved = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(sid, sql);
      if (!play || !isFinal(play.status)) return [];
      return this.cancelTree(await this.store.lockChildren([sid], sql), reason, sql);
    });
    this.tell(moved);
  }

  /** Level by level, so that no transaction waits for a row while it holds one below it. */
  private async cancelTree(roots: Locked[], reason: string, sql: Sql): Promise<Moved[]> {
    const moved: Moved[] = [];
    const error = reason ? storable({ type: 'Cancelled', message: reason, traceback: '', span_id: null }) : null;
    for (
      let level = roots;
      level.length > 0;
      level = await this.store.lockChildren(
        level.map((play) => play.play_sid),
        sql,
      )
    ) {
      for (const { play_sid } of level) {
        const cancelled = await this.moves.move('cancelled', { play_sid, error }, sql);
        if (cancelled) moved.push(cancelled);
      }
    }
    return moved;
  }

  /** Announces the cancelled plays, and notifies the executors that run them. */
  tell(moved: readonly Moved[]): void {
    this.relay.tell(...moved);
    const gone = moved.flatMap(({ owner, play_sid, epoch }): Gone[] =>
      owner === null ? [] : [{ owner, play_sid, epoch }],
    );
    this.relay.notify({ gone });
  }
}
