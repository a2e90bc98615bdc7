/**
 * What comes from the stream (and from span_push) goes to the lanes.
 *
 * 1. Memory is bounded: ROOM_BYTES of batches in all. Each message that is asked for counts as the largest there can be
 *    until it has come, so a slow database leaves its backlog in the stream.
 * 2. A message that is held for long is renewed, so that it is not delivered to somebody else meanwhile.
 */
import { type Bus, consumePull, type Log, type Pull, type PulledMessage, TELEMETRY_QUEUE } from '@hero/bus';
import { HeroError, MIB } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';
import { type Arrival, arrive, playOf } from './arrival.js';
import type { Ingest, Outcome } from './ingest.js';
import { Lane } from './lane.js';

const LANES = 4;
const ROOM_BYTES = 64 * MIB;
const LARGEST_MESSAGE = MIB;
/** Well below the consumer's `ack_wait` of 5 s. */
const RENEW_EVERY_MS = 1_500;

export class Intake {
  private readonly lanes: Lane[];
  private readonly held = new Set<PulledMessage>();
  private readonly stopping = new AbortController();
  private heldBytes = 0;
  private pull?: Pull;
  private renewal?: Timer;

  constructor(
    ingest: Ingest,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {
    this.lanes = Array.from({ length: LANES }, () => new Lane(ingest, bus, log, this.stopping.signal));
  }

  start(): void {
    this.pull = consumePull(this.bus, {
      ...TELEMETRY_QUEUE,
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
  store(arrival: Arrival): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const stopped = new HeroError('UNAVAILABLE', 'span-ingest is stopping; push the event again.');
      const { play_sid, body } = arrival;
      const waiting = { play_sid, bytes: body.length, read: () => arrival, settle: resolve };
      this.laneOf(play_sid).add({ ...waiting, abandon: () => reject(stopped) });
    });
  }

  /** Takes no more, stores what it holds (one try each, once the database is away), and hands the rest back. */
  async stop(): Promise<void> {
    await this.pull?.stop();
    this.stopping.abort();
    await Promise.all(this.lanes.map((lane) => lane.idle()));
    await this.renewal?.stop();
  }

  private take(message: PulledMessage): void {
    const play_sid = playOf(message.subject);
    const bytes = message.data.length;
    this.held.add(message);
    this.heldBytes += bytes;
    const release = (): void => {
      this.held.delete(message);
      this.heldBytes -= bytes;
    };
    this.laneOf(play_sid).add({
      play_sid,
      bytes,
      read: () => arrive(message.subject, message.seq, message.data, this.log),
      settle: () => {
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

  private laneOf(playSid: string): Lane {
    let hash = 0;
    for (let i = 0; i < playSid.length; i++) hash = (hash * 31 + playSid.charCodeAt(i)) | 0;
    return this.lanes[(hash >>> 0) % this.lanes.length] as Lane;
  }
}
