/**
 * What comes from the stream (and from span_push) goes to the writers.
 *
 * 1. Memory is bounded: ROOM_BYTES of batches in all. Each message that is asked for counts as the largest there can be
 *    until it has come, so a slow database leaves its backlog in the stream.
 * 2. A message that is held for long is renewed, so that it is not delivered to another consumer.
 */
import { type Bus, consumePull, type Log, type Pull, type PulledMessage, TELEMETRY_SETTINGS } from '@hero/bus';
import { HeroError, MIB, TELEMETRY_OF_MANY, telemetry } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';
import { linesOf, playOf } from './lines.js';
import type { RawBatch } from './raw-batch.js';
import type { Storer, Verdict } from './storer.js';
import { Writers } from './writers.js';

/** Several groups for each writer; more would only wait here instead of in the stream. */
const ROOM_BYTES = 16 * MIB;
const LARGEST_MESSAGE = MIB;
/** Well below the consumer's `ack_wait` of 5 s. */
const RENEW_EVERY_MS = 1_500;
const SUBJECT_PREFIX = telemetry('');

export class Intake {
  private readonly writers: Writers;
  private readonly held = new Set<PulledMessage>();
  private readonly stopping = new AbortController();
  private heldBytes = 0;
  private waking = false;
  private pull?: Pull;
  private renewal?: Timer;

  constructor(
    storer: Storer,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {
    this.writers = new Writers({ storer, bus, log, closing: this.stopping.signal });
  }

  start(): void {
    this.pull = consumePull(this.bus, {
      ...TELEMETRY_SETTINGS,
      max: () => Math.floor((ROOM_BYTES - this.heldBytes) / LARGEST_MESSAGE),
      onMessages: (messages) => {
        for (const message of messages) this.take(message);
      },
    });
    this.renewal = every(RENEW_EVERY_MS, () => {
      for (const message of this.held) message.working();
    });
  }

  /** Stores one batch that did not come from the stream. */
  push(play_sid: string, data: Uint8Array): Promise<Verdict> {
    const batch: RawBatch = { play_sid, stream_seq: 0, line: 0, data, pushed: true };
    return new Promise((resolve, reject) => {
      const stopped = new HeroError('UNAVAILABLE', 'span-ingest is stopping; push the event again.');
      this.writers.add({ batch, done: resolve, abandon: () => reject(stopped) });
    });
  }

  /** Accepts no more messages, stores those it holds (one try each, once the database is not reachable), and hands the rest back. */
  async stop(): Promise<void> {
    await this.pull?.stop();
    this.stopping.abort();
    await this.writers.idle();
    await this.renewal?.stop();
  }

  private take(message: PulledMessage): void {
    const { seq: stream_seq, data } = message;
    this.held.add(message);
    this.heldBytes += data.length;
    const batches = this.batchesIn(message);
    let left = batches.length;
    let abandoned = false;
    const release = (): void => {
      if (--left > 0) return;
      this.held.delete(message);
      this.heldBytes -= data.length;
      if (abandoned) message.nak();
      else message.ack();
      this.wake();
    };
    const abandon = (): void => {
      abandoned = true;
      release();
    };
    for (const batch of batches)
      this.writers.add({ batch: { ...batch, stream_seq, pushed: false }, done: release, abandon });
    if (batches.length === 0) release();
  }

  /** One, of the play that the subject names; or several, of the plays that they name themselves, one a line. */
  private batchesIn({ subject, seq, data }: PulledMessage): Pick<RawBatch, 'play_sid' | 'line' | 'data'>[] {
    const play_sid = subject.slice(SUBJECT_PREFIX.length);
    if (play_sid !== TELEMETRY_OF_MANY) return [{ play_sid, line: 0, data }];
    return linesOf(data).flatMap((bytes, line) => {
      const sid = playOf(bytes);
      if (sid !== undefined) return [{ play_sid: sid, line, data: bytes }];
      this.log.error({ stream_seq: seq, line, bytes: bytes.length }, 'a line that names no play was thrown away');
      return [];
    });
  }

  /** Once for all messages of a group: each request for more is a message of its own. */
  private wake(): void {
    if (this.waking) return;
    this.waking = true;
    queueMicrotask(() => {
      this.waking = false;
      this.pull?.wake();
    });
  }
}
