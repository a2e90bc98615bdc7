/**
 * Whether the events up to a mark are stored, so that a reader sees the whole tree of a play that ended.
 *
 * 1. Woken by what whichever instance announces after its commit; nothing is polled.
 * 2. A mark may never be reached: the executor died after it committed the play's end and before it published its last events. A
 *    play that ended LAST_BATCH_WITHIN_MS ago, and of which the stream holds nothing, gets no more: nobody waits for it. Its last batch
 *    may be in a message of several plays: then that message is older than that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Bus, oldestStored } from '@hero/bus';
import {
  type Params,
  playSpans,
  type Result,
  type spansReached,
  TELEMETRY_OF_MANY,
  TELEMETRY_STREAM,
  telemetry,
} from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { Database } from '@hero/persistence';
import { countBatches, findPlay } from './tree-store.js';

/** An executor that lives publishes within milliseconds, and tries again each second. */
const LAST_BATCH_WITHIN_MS = 10_000;

@Injectable()
export class Reach {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
  ) {}

  async reached(asked: Params<typeof spansReached>, closing: AbortSignal): Promise<Result<typeof spansReached>> {
    const { play_sid, within_ms } = asked;
    if (await this.isStored(asked)) return { reached: true };
    if (!(await this.mayStillCome(play_sid))) return { reached: await this.isStored(asked) };
    let announced = new AbortController();
    const follow = await this.bus.follow(playSpans(play_sid), () => announced.abort());
    try {
      const limit = performance.now() + within_ms;
      for (let left = within_ms; ; left = limit - performance.now()) {
        announced = new AbortController();
        if (await this.isStored(asked)) return { reached: true };
        if (left <= 0 || closing.aborted) return { reached: false };
        const signal = AbortSignal.any([announced.signal, closing]);
        await delay(left, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      await follow.stop();
    }
  }

  private async isStored({ play_sid, mark }: Params<typeof spansReached>): Promise<boolean> {
    if (mark.batch === 0) return true;
    return (await countBatches(this.database, play_sid, mark.source, mark.batch)) === mark.batch;
  }

  /** Rule 2. Where it cannot be told, it may. */
  private async mayStillCome(sid: string): Promise<boolean> {
    const play = await findPlay(this.database, sid);
    const lastBatchBy = Date.parse(play?.final_at ?? '') + LAST_BATCH_WITHIN_MS;
    if (Number.isNaN(lastBatchBy) || Date.now() < lastBatchBy) return true;
    try {
      const [alone, together] = await Promise.all([this.oldest(sid), this.oldest(TELEMETRY_OF_MANY)]);
      return alone !== undefined || (together !== undefined && together.getTime() < lastBatchBy);
    } catch {
      return true;
    }
  }

  private oldest(whose: string): Promise<Date | undefined> {
    return oldestStored(this.bus.jsm, { stream: TELEMETRY_STREAM, subject: telemetry(whose) });
  }
}
