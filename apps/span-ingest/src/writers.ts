/**
 * Writers store what waits, in groups of many plays: a group is one transaction, and each writer has one group at a time.
 *
 * W1 The batches of one play stay in order: a play is in one group at a time, and what had to wait goes before what came later.
 * W2 While the database is not reachable, a writer tries the same group again and again; later messages stay in the stream.
 * W3 I12: a play that another transaction holds waits alone.
 * W4 I12: a play whose events were refused, or whose group took long for its size, is stored alone for a while, and not by all
 *    writers at a time: others never wait behind it.
 * W5 Commit, then tell listeners, then ack: whatever is cut in between happens again and changes nothing (I8).
 * W6 One writer gathers for some milliseconds and stores what came in them together: a quiet service commits seldom. A second one
 *    works beside it where more waits than one group takes, and any other where a transaction takes long (I12).
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
  storer: Pick<Storer, 'store'>;
  bus: Bus;
  log: Log;
  closing: AbortSignal;
}

const WRITERS = 4;
/** W6: while one of them parses and folds, PostgreSQL works for the other. */
const WRITERS_UNDER_PRESSURE = 2;
const GATHER_MS = 8;
const LATE_AFTER_MS = 25;
const GROUP_BATCHES = 64;
const GROUP_BYTES = MIB;
const LOCKED_FOR_MS = 5;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** W4: a group may take this long, and as long again for each MiB in it. */
const SLOW_AFTER_MS = 1_000;
const ALONE_FOR_MS = 60_000;

export class Writers {
  /** What waits, by play. The play that was served longest ago comes first. */
  private readonly queues = new Map<string, Waiting[]>();
  private waitingBatches = 0;
  private waitingBytes = 0;
  private waitingSince = 0;
  /** W1: plays in a group under way. */
  private readonly busy = new Set<string>();
  /** W3: when each play that was locked is tried again. */
  private readonly locked = new Map<string, number>();
  /** W4: until when each of these plays is stored alone. */
  private readonly alone = new Map<string, number>();
  private readonly running = new Set<Promise<void>>();
  private storingAlone = 0;
  private lastStart = 0;
  private soon?: NodeJS.Immediate;
  private later?: NodeJS.Timeout;

  constructor(private readonly options: WritersOptions) {}

  add(waiting: Waiting): void {
    if (this.waitingBatches === 0) this.waitingSince = performance.now();
    this.enqueue(waiting.batch.play_sid, [waiting]);
    this.schedule();
  }

  /** Everything is stored or, once closing, as far as the database takes it. */
  async idle(): Promise<void> {
    while (this.queues.size > 0 || this.running.size > 0) {
      this.startDue();
      await Promise.all(this.running);
      if (this.queues.size > 0) await delay(LOCKED_FOR_MS);
    }
    this.forgetTimers();
  }

  private enqueue(sid: string, more: readonly Waiting[], first = false): void {
    const queue = this.queues.get(sid) ?? [];
    this.queues.set(sid, first ? [...more, ...queue] : queue);
    if (!first) queue.push(...more);
    this.waitingBatches += more.length;
    for (const { batch } of more) this.waitingBytes += batch.data.length;
  }

  /** W6: starts what is due, at the earliest after this turn (what arrives in it goes together), and comes back for the next. */
  private schedule(): void {
    const ms = this.dueIn();
    if (ms === 0) this.soon ??= setImmediate(() => this.startDue());
    else if (ms !== undefined) this.later ??= setTimeout(() => this.startDue(), ms);
  }

  private startDue(): void {
    this.forgetTimers();
    // Where nothing can be taken, it waits for a play that is busy or locked: whoever frees one comes here.
    while (this.dueIn() === 0) if (!this.start()) return;
    this.schedule();
  }

  private forgetTimers(): void {
    clearImmediate(this.soon);
    clearTimeout(this.later);
    this.soon = this.later = undefined;
  }

  /** W6. Undefined: not before something else happens. */
  private dueIn(): number | undefined {
    const { size: running } = this.running;
    if (this.waitingBatches === 0 || running >= WRITERS) return undefined;
    const pressed = this.waitingBatches >= GROUP_BATCHES || this.waitingBytes >= GROUP_BYTES;
    if (this.options.closing.aborted || (pressed && running < WRITERS_UNDER_PRESSURE)) return 0;
    const now = performance.now();
    const gathered = this.waitingSince + GATHER_MS - now;
    return Math.max(0, running === 0 ? gathered : Math.max(gathered, this.lastStart + LATE_AFTER_MS - now));
  }

  private start(): boolean {
    const { group, alone } = this.take();
    if (group.length === 0) return false;
    this.lastStart = this.waitingSince = performance.now();
    const plays = new Set(group.map(({ batch }) => batch.play_sid));
    for (const sid of plays) this.busy.add(sid);
    if (alone) this.storingAlone++;
    const running = this.write(group).finally(() => {
      this.running.delete(running);
      for (const sid of plays) this.busy.delete(sid);
      if (alone) this.storingAlone--;
      this.forgetTimers();
      this.schedule();
    });
    this.running.add(running);
    return true;
  }

  private take(): { group: Waiting[]; alone: boolean } {
    const now = performance.now();
    const group: Waiting[] = [];
    let bytes = 0;
    const full = (next: Waiting): boolean =>
      group.length >= GROUP_BATCHES || (group.length > 0 && bytes + next.batch.data.length > GROUP_BYTES);
    let storedAlone = false;
    // A copy: plays that are not emptied go to the end.
    for (const [sid, queue] of Array.from(this.queues)) {
      if (this.busy.has(sid) || (this.locked.get(sid) ?? 0) > now) continue;
      const isAlone = this.mustBeAlone(sid, now);
      if (isAlone && (group.length > 0 || this.storingAlone >= WRITERS >> 1)) continue;
      let taken = 0;
      for (; taken < queue.length && !full(queue[taken] as Waiting); taken++) {
        const next = queue[taken] as Waiting;
        group.push(next);
        bytes += next.batch.data.length;
      }
      if (taken > 0) this.queues.delete(sid);
      if (taken > 0 && taken < queue.length) this.queues.set(sid, queue.slice(taken));
      storedAlone = isAlone;
      if (isAlone || taken < queue.length) break;
    }
    this.waitingBatches -= group.length;
    this.waitingBytes -= bytes;
    return { group, alone: storedAlone };
  }

  private mustBeAlone(sid: string, now: number): boolean {
    const until = this.alone.get(sid);
    return until !== undefined && until > now;
  }

  private async write(group: Waiting[]): Promise<void> {
    const stored = await this.store(group.map(({ batch }) => batch));
    if (stored) return this.finish(group, stored);
    for (const waiting of [...group, ...[...this.queues.values()].flat()]) waiting.abandon();
    this.queues.clear();
    this.waitingBatches = this.waitingBytes = 0;
  }

  /** W2. Undefined: the service stops, and another will store them. */
  private async store(group: RawBatch[]): Promise<StoredGroup | undefined> {
    const { storer, bus, log, closing } = this.options;
    const retry = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    for (;;) {
      const began = performance.now();
      try {
        const stored = await storer.store(group, bus.pageBytes);
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
    const now = performance.now();
    // Of plays that never come again, nothing is kept.
    for (const [sid, until] of this.alone) if (until <= now) this.alone.delete(sid);
    const until = now + ALONE_FOR_MS;
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
      this.enqueue(sid, first, true); // W1
      this.locked.set(sid, performance.now() + LOCKED_FOR_MS);
    }
    if (again.size > 0) setTimeout(() => this.startDue(), LOCKED_FOR_MS + 1);
    await failpoint('ingest.ack.after');
  }
}
