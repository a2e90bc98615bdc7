/**
 * What comes from the stream (and from span_push) goes to the writers.
 *
 * 1. Memory is bounded: ROOM_BYTES of batches in all. Each message that is asked for counts as the largest there can be
 *    until it has come, so a slow database leaves its backlog in the stream.
 * 2. A message that is held for long is renewed, so that it is not delivered to another consumer.
 */
import { type Bus, consumePull, type Log, type Pull, type PulledMessage, TELEMETRY_SETTINGS } from '@hero/bus';
import { HeroError, MIB, telemetry } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';
import type { RawBatch } from './raw-batch.js';
import type { Verdict } from './storer.js';
import type { Threads } from './threads.js';
import { Writers } from './writers.js';

const WRITERS = 4;
const ROOM_BYTES = 64 * MIB;
const LARGEST_MESSAGE = MIB;
/** Well below the consumer's `ack_wait` of 5 s. */
const RENEW_EVERY_MS = 1_500;
const SUBJECT_PREFIX = telemetry('');

export class Intake {
  private readonly writers: Writers;
  private readonly held = new Set<PulledMessage>();
  private readonly stopping = new AbortController();
  private heldBytes = 0;
  private pull?: Pull;
  private renewal?: Timer;

  constructor(
    private readonly threads: Threads,
    private readonly bus: Bus,
    log: Log,
  ) {
    const storer = (writer: number, pressed: boolean) => threads.for(writer, pressed);
    this.writers = new Writers({ count: WRITERS, storer, bus, log, closing: this.stopping.signal });
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
  push(play_sid: string, body: string): Promise<Verdict> {
    const batch: RawBatch = { play_sid, stream_seq: 0, data: Buffer.from(body), pushed: true };
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
    await this.threads.stop();
  }

  private take(message: PulledMessage): void {
    const { seq: stream_seq, data } = message;
    const bytes = data.length;
    const play_sid = message.subject.slice(SUBJECT_PREFIX.length);
    this.held.add(message);
    this.heldBytes += bytes;
    const release = (): void => {
      this.held.delete(message);
      this.heldBytes -= bytes;
    };
    this.writers.add({
      batch: { play_sid, stream_seq, data, pushed: false },
      done: () => {
        release();
        message.ack();
        this.pull?.wake();
      },
      abandon: () => {
        release();
        message.nak();
      },
    });
  }
}
