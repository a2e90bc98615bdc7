/**
 * One lane stores the batches of its plays in order, as many as wait in one transaction; lanes run side by side.
 *
 * L1 The batches of one play stay in order: a play has one lane, and what had to wait goes before what came later.
 * L2 While the database is away the lane waits and tries the same group again; what is behind it stays in the stream.
 * L3 A play that another transaction holds waits alone (I12).
 * L4 Commit, then tell listeners, then ack: whatever is cut in between happens again and changes nothing (I8).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { backoff, type Bus, type Log } from '@hero/bus';
import { playSpans } from '@hero/contracts';
import { failpoint } from '@hero/service-kit';
import type { RawBatch, StoredGroup, Storer, Verdict } from './storer.js';

export interface Waiting {
  readonly batch: RawBatch;
  /** Called once, after listeners have been told. */
  settle(verdict: Verdict): void;
  /** Called instead when the service stops before it could be stored. */
  abandon(): void;
}

const GROUP_BATCHES = 64;
const GROUP_BYTES = 4 * 1024 * 1024;
const LOCKED_FOR_MS = 5;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;

export class Lane {
  private queue: Waiting[] = [];
  /** L3: when each play that was locked is tried again. */
  private readonly locked = new Map<string, number>();
  private running?: Promise<void>;
  private pressed = false;

  constructor(
    /** Who stores the next group; `pressed`: more waits than one group takes. */
    private readonly storer: (pressed: boolean) => Storer,
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly closing: AbortSignal,
  ) {}

  add(waiting: Waiting): void {
    this.queue.push(waiting);
    this.go();
  }

  /** What is under way and what waits, until it is done or, once closing, until the database refuses. */
  async idle(): Promise<void> {
    await this.running;
  }

  private go(): void {
    if (this.running || this.queue.length === 0) return;
    this.running = this.run().finally(() => {
      this.running = undefined;
      this.go();
    });
  }

  private async run(): Promise<void> {
    // What arrives in the same turn goes together.
    await undefined;
    while (this.queue.length > 0) {
      const group = this.take();
      if (group.length === 0) {
        await delay(LOCKED_FOR_MS);
        continue;
      }
      const stored = await this.store(group.map(({ batch }) => batch));
      if (!stored) {
        for (const waiting of [...group, ...this.queue]) waiting.abandon();
        this.queue = [];
        return;
      }
      await this.finish(group, stored);
    }
  }

  private take(): Waiting[] {
    const now = performance.now();
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    let bytes = 0;
    let full = false;
    for (const waiting of this.queue) {
      const { batch } = waiting;
      full ||= group.length >= GROUP_BATCHES || (group.length > 0 && bytes + batch.data.length > GROUP_BYTES);
      if (full || (this.locked.get(batch.play_sid) ?? 0) > now) {
        rest.push(waiting);
        continue;
      }
      bytes += batch.data.length;
      group.push(waiting);
    }
    this.queue = rest;
    this.pressed = full;
    return group;
  }

  /** L2. Undefined: the service stops, and another will store them. */
  private async store(group: RawBatch[]): Promise<StoredGroup | undefined> {
    const retry = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    for (;;) {
      try {
        return await this.storer(this.pressed).store(group, this.bus.pageBytes);
      } catch (err) {
        this.log.warn({ err, batches: group.length, retry_in_ms: retry.nextMs }, 'batches not stored yet');
        await retry.wait(this.closing).catch(() => undefined);
        if (this.closing.aborted) return undefined;
      }
    }
  }

  private async finish(group: Waiting[], { verdicts, messages }: StoredGroup): Promise<void> {
    await failpoint('ingest.publish.before');
    if (!this.bus.nc.isClosed()) {
      for (const { play_sid, data } of messages) this.bus.nc.publish(playSpans(play_sid), data);
    }
    await failpoint('ingest.publish.after');
    await failpoint('ingest.ack.before');
    const again: Waiting[] = [];
    group.forEach((waiting, i) => {
      const verdict = verdicts[i] ?? 'locked';
      const { play_sid } = waiting.batch;
      if (verdict === 'locked') {
        this.locked.set(play_sid, performance.now() + LOCKED_FOR_MS);
        again.push(waiting);
        return;
      }
      this.locked.delete(play_sid);
      waiting.settle(verdict);
    });
    this.queue = [...again, ...this.queue]; // L1
    await failpoint('ingest.ack.after');
  }
}
