/**
 * One lane stores the batches of its plays in order, as many as wait in one transaction; lanes run side by side.
 *
 * L1 The batches of one play stay in order: a play has one lane, and what had to wait goes before what came later.
 * L2 While the database is away the lane waits and tries the same group again; what is behind it stays in the stream.
 * L3 A play that another transaction holds waits alone (I12).
 * L4 Commit, then tell listeners, then ack: whatever is cut in between happens again and changes nothing (I8).
 */
import { type Bus, type Log, pause } from '@hero/bus';
import { failpoint } from '@hero/service-kit';
import { announce } from './announce.js';
import type { Arrival } from './arrival.js';
import type { Ingest, Outcome } from './ingest.js';

export interface Waiting {
  readonly play_sid: string;
  readonly bytes: number;
  /** Parsed only when its turn has come: what waits is raw bytes, which the garbage collector never looks into. */
  read(): Arrival;
  /** Called once, after listeners have been told. */
  settle(outcome: Outcome): void;
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

  constructor(
    private readonly ingest: Ingest,
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly closing: AbortSignal,
  ) {}

  add(waiting: Waiting): void {
    this.queue.push(waiting);
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
  }

  /** What is under way and what waits, until it is done or, once closing, until the database refuses. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    // What arrives in the same turn goes together.
    await undefined;
    while (this.queue.length > 0) {
      const group = this.take();
      if (group.length === 0) {
        await pause(LOCKED_FOR_MS);
        continue;
      }
      const outcomes = await this.store(group.map((waiting) => waiting.read()));
      if (!outcomes) {
        for (const waiting of [...group, ...this.queue]) waiting.abandon();
        this.queue = [];
        return;
      }
      await this.finish(group, outcomes);
    }
  }

  private take(): Waiting[] {
    const now = performance.now();
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    let bytes = 0;
    let full = false;
    for (const waiting of this.queue) {
      full ||= group.length >= GROUP_BATCHES || (group.length > 0 && bytes + waiting.bytes > GROUP_BYTES);
      if (full || (this.locked.get(waiting.play_sid) ?? 0) > now) {
        rest.push(waiting);
        continue;
      }
      bytes += waiting.bytes;
      group.push(waiting);
    }
    this.queue = rest;
    return group;
  }

  /** L2. Undefined: the service stops, and another will store them. */
  private async store(group: Arrival[]): Promise<Outcome[] | undefined> {
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      try {
        return await this.ingest.store(group);
      } catch (err) {
        this.log.warn({ err, batches: group.length, retry_in_ms: waitMs }, 'batches not stored yet');
        await pause(waitMs, this.closing).catch(() => undefined);
        if (this.closing.aborted) return undefined;
      }
    }
  }

  private async finish(group: Waiting[], outcomes: Outcome[]): Promise<void> {
    await failpoint('ingest.publish.before');
    const again: Waiting[] = [];
    const done: [Waiting, Outcome][] = [];
    const texts = new Map<string, string[]>();
    group.forEach((waiting, i) => {
      const outcome = outcomes[i] ?? { kind: 'locked' };
      const { play_sid } = waiting;
      if (outcome.kind === 'locked') {
        again.push(waiting);
        this.locked.set(play_sid, performance.now() + LOCKED_FOR_MS);
        return;
      }
      this.locked.delete(play_sid);
      done.push([waiting, outcome]);
      if (!('texts' in outcome)) return;
      const known = texts.get(play_sid);
      if (known) for (const text of outcome.texts) known.push(text);
      else texts.set(play_sid, outcome.texts);
    });
    this.queue = [...again, ...this.queue]; // L1
    for (const [playSid, numbered] of texts) announce(this.bus, playSid, numbered);
    await failpoint('ingest.publish.after');
    await failpoint('ingest.ack.before');
    for (const [waiting, outcome] of done) waiting.settle(outcome);
    await failpoint('ingest.ack.after');
  }
}
