/**
 * Writers store what waits, in groups of many plays: a group is one transaction, and each writer has one group at a time.
 *
 * W1 The batches of one play stay in order: a play is in one group at a time, and what had to wait goes before what came later.
 * W2 While the database is not reachable, a writer tries the same group again and again; later messages stay in the stream.
 * W3 I12: a play that another transaction holds waits alone.
 * W4 I12: a play whose events were refused, or whose group took long for its size, is stored alone for a while, and not by all
 *    writers at a time: others never wait behind it.
 * W5 Commit, then tell listeners, then ack: whatever is cut in between happens again and changes nothing (I8).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { backoff, type Bus, type Log } from '@hero/bus';
import { MIB, playSpans } from '@hero/contracts';
import { failpoint } from '@hero/service-kit';
import type { RawBatch } from './raw-batch.js';
import type { StoredGroup, Storer, Verdict } from './storer.js';

export interface Waiting {
  readonly batch: RawBatch;
  /** Called once, after listeners have been told. */
  done(verdict: Verdict): void;
  /** Called instead when the service stops before it could be stored. */
  abandon(): void;
}

export interface WritersOptions {
  count: number;
  /** Who stores the next group of this writer; `pressed`: more waits than one group takes. */
  storer(writer: number, pressed: boolean): Storer;
  bus: Bus;
  log: Log;
  closing: AbortSignal;
}

const GROUP_BATCHES = 64;
const GROUP_BYTES = 4 * MIB;
const LOCKED_FOR_MS = 5;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** W4: a group may take this long, and as long again for each MiB in it. */
const SLOW_AFTER_MS = 1_000;
const ALONE_FOR_MS = 60_000;

export class Writers {
  /** What waits, by play. The play that was served longest ago comes first. */
  private readonly queues = new Map<string, Waiting[]>();
  /** W1: plays in a group under way. */
  private readonly busy = new Set<string>();
  /** W3: when each play that was locked is tried again. */
  private readonly locked = new Map<string, number>();
  /** W4: until when each of these plays is stored alone. */
  private readonly alone = new Map<string, number>();
  private readonly running: (Promise<void> | undefined)[];
  private storingAlone = 0;
  private scheduled = false;

  constructor(private readonly options: WritersOptions) {
    this.running = Array.from({ length: options.count }, () => undefined);
  }

  add(waiting: Waiting): void {
    const { play_sid } = waiting.batch;
    const queue = this.queues.get(play_sid);
    if (queue) queue.push(waiting);
    else this.queues.set(play_sid, [waiting]);
    this.schedule();
  }

  /** Everything is stored or, once closing, as far as the database takes it. */
  async idle(): Promise<void> {
    while (this.queues.size > 0 || this.busy.size > 0) {
      await Promise.all(this.running);
      if (this.queues.size > 0) await delay(LOCKED_FOR_MS);
    }
  }

  /** What arrives in the same turn goes together. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.running.forEach((running, writer) => {
        if (!running) this.start(writer);
      });
    });
  }

  private start(writer: number): void {
    const { group, alone, pressed } = this.take();
    if (group.length === 0) return;
    const plays = new Set(group.map(({ batch }) => batch.play_sid));
    for (const sid of plays) this.busy.add(sid);
    if (alone) this.storingAlone++;
    this.running[writer] = this.write(group, () => this.options.storer(writer, pressed)).finally(() => {
      this.running[writer] = undefined;
      for (const sid of plays) this.busy.delete(sid);
      if (alone) this.storingAlone--;
      this.schedule();
    });
  }

  private take(): { group: Waiting[]; alone: boolean; pressed: boolean } {
    const now = performance.now();
    const group: Waiting[] = [];
    let bytes = 0;
    const full = (next: Waiting): boolean =>
      group.length >= GROUP_BATCHES || (group.length > 0 && bytes + next.batch.data.length > GROUP_BYTES);
    // A copy: plays that are not emptied go to the end.
    for (const [sid, queue] of Array.from(this.queues)) {
      if (this.busy.has(sid) || (this.locked.get(sid) ?? 0) > now) continue;
      const alone = this.mustBeAlone(sid, now);
      if (alone && (group.length > 0 || this.storingAlone >= Math.max(1, this.options.count >> 1))) continue;
      if (full(queue[0] as Waiting)) return { group, alone, pressed: true };
      let taken = 0;
      for (; taken < queue.length && !full(queue[taken] as Waiting); taken++) {
        const next = queue[taken] as Waiting;
        group.push(next);
        bytes += next.batch.data.length;
      }
      this.queues.delete(sid);
      if (taken < queue.length) this.queues.set(sid, queue.slice(taken));
      const pressed = taken < queue.length;
      if (alone || pressed) return { group, alone, pressed };
    }
    return { group, alone: false, pressed: false };
  }

  private mustBeAlone(sid: string, now: number): boolean {
    const until = this.alone.get(sid);
    if (until === undefined) return false;
    if (until > now) return true;
    this.alone.delete(sid);
    return false;
  }

  private async write(group: Waiting[], storer: () => Storer): Promise<void> {
    const stored = await this.store(
      group.map(({ batch }) => batch),
      storer,
    );
    if (stored) return this.finish(group, stored);
    for (const waiting of [...group, ...[...this.queues.values()].flat()]) waiting.abandon();
    this.queues.clear();
  }

  /** W2. Undefined: the service stops, and another will store them. */
  private async store(group: RawBatch[], storer: () => Storer): Promise<StoredGroup | undefined> {
    const { bus, log, closing } = this.options;
    const retry = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    for (;;) {
      const began = performance.now();
      try {
        const stored = await storer().store(group, bus.pageBytes);
        this.judge(group, stored, performance.now() - began);
        return stored;
      } catch (err) {
        log.warn({ err, batches: group.length, retry_in_ms: retry.nextMs }, 'batches not stored yet');
        await retry.wait(closing).catch(() => undefined);
        if (closing.aborted) return undefined;
      }
    }
  }

  /** W4. Of a group that took long, each play shows alone whether it was the one. */
  private judge(group: RawBatch[], { refused }: StoredGroup, ms: number): void {
    const bytes = group.reduce((sum, { data }) => sum + data.length, 0);
    const slow = ms > SLOW_AFTER_MS * (1 + bytes / MIB);
    const until = performance.now() + ALONE_FOR_MS;
    for (const play_sid of new Set(group.map((batch) => batch.play_sid))) {
      if (slow || refused.includes(play_sid)) this.alone.set(play_sid, until);
    }
  }

  private async finish(group: Waiting[], { verdicts, messages }: StoredGroup): Promise<void> {
    const { bus } = this.options;
    await failpoint('ingest.publish.before');
    if (!bus.nc.isClosed()) {
      for (const { play_sid, data } of messages) bus.nc.publish(playSpans(play_sid), data);
    }
    await failpoint('ingest.publish.after');
    await failpoint('ingest.ack.before');
    const again = new Map<string, Waiting[]>();
    group.forEach((waiting, i) => {
      const verdict = verdicts[i] ?? 'locked';
      const { play_sid } = waiting.batch;
      if (verdict === 'locked') {
        again.set(play_sid, [...(again.get(play_sid) ?? []), waiting]);
        return;
      }
      this.locked.delete(play_sid);
      waiting.done(verdict);
    });
    for (const [sid, first] of again) {
      this.queues.set(sid, [...first, ...(this.queues.get(sid) ?? [])]); // W1
      this.locked.set(sid, performance.now() + LOCKED_FOR_MS);
    }
    if (again.size > 0) setTimeout(() => this.schedule(), LOCKED_FOR_MS + 1);
    await failpoint('ingest.ack.after');
  }
}
