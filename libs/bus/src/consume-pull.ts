/**
 * Pulls from a durable consumer exactly as many messages as there is room for.
 *
 * 1. Open requests never ask for more than `max()` says: what is asked for plus what has arrived is at most the room.
 * 2. No room, no open request: a message then waits in the stream for another instance.
 * 3. A request that the server lost (a restart, a deleted consumer) is noticed: by the reconnect, by its status, or by
 *    missing heartbeats. Stream and consumer are then made again before the next request.
 * 4. What a killed server brought back and delivers to nobody is delivered again (orphaned-messages.ts).
 */
import { RetentionPolicy } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import { backoff } from './backoff.js';
import type { Bus } from './bus.js';
import { OrphanedMessages } from './orphaned-messages.js';
import { PullRequest } from './pull-request.js';
import { PulledMessage } from './pulled.js';
import { ensureConsumer, ensureStream, type StreamAndConsumer, unlessReconnected } from './streams.js';

export type PullEvent =
  | { type: 'pulling'; messages: number }
  | { type: 'ended'; why: string; unfilled: number }
  | { type: 'ensured' }
  | { type: 'orphans'; messages: number }
  | { type: 'failed'; error: unknown };

export interface PullOptions extends StreamAndConsumer {
  /** How many more messages there is room for now. Counted anew after each delivery and each `wake()`. */
  max(): number;
  /** Takes its room before it returns, so that `max()` counts it; may go on afterwards. */
  onMessages(messages: PulledMessage[]): void | Promise<void>;
  signal?: AbortSignal;
  /** How long one request stays open. Default 30 s. */
  expiresMs?: number;
  /** How often the server says that it still knows the request; nothing for 2.5 times that long ends it. Default 2 s. */
  heartbeatMs?: number;
  /** How often it looks for orphaned messages. Default 10 s. */
  orphansEveryMs?: number;
  onEvent?(event: PullEvent): void;
}

export interface Pull {
  /** Room has become free: asks for more. */
  wake(): void;
  /** Ends the open requests and waits for what `onMessages` is still doing. */
  stop(): Promise<void>;
}

const ORPHANS_EVERY_MS = 10_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;

/** Starts pulling; the first request goes out when stream and consumer are there. */
export function consumePull(bus: Bus, options: PullOptions): Pull {
  const loop = new PullLoop(bus, options);
  loop.start();
  return loop;
}

class PullLoop implements Pull {
  private readonly open = new Set<PullRequest>();
  private readonly handling = new Set<Promise<void>>();
  private readonly ending = new AbortController();
  private arrived: PulledMessage[] = [];
  private ready = false;
  private ensuring?: Promise<void>;
  private forgetReconnect?: () => void;
  private looking = false;
  private orphanTimer?: NodeJS.Timeout;

  constructor(
    private readonly bus: Bus,
    private readonly options: PullOptions,
  ) {}

  start(): void {
    const { signal } = this.options;
    if (signal?.aborted) return this.ending.abort();
    signal?.addEventListener('abort', () => void this.stop(), { once: true });
    this.forgetReconnect = this.bus.onReconnect(() => this.restart('reconnected'));
    this.restart('started');
    const { orphansEveryMs = ORPHANS_EVERY_MS, stream } = this.options;
    // Any other stream keeps what was acked.
    if (stream.retention !== RetentionPolicy.Workqueue) return;
    const orphans = new OrphanedMessages(this.bus, this.options);
    this.orphanTimer = setInterval(() => void this.redeliver(orphans), orphansEveryMs);
  }

  wake(): void {
    if (!this.ready || this.ending.signal.aborted || !this.bus.connected) return;
    const room = Math.floor(this.options.max()) - this.arrived.length - this.asked();
    if (room > 0) this.pull(room);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    this.forgetReconnect?.();
    clearInterval(this.orphanTimer);
    for (const request of this.open) request.close();
    this.open.clear();
    await Promise.allSettled([...this.handling, this.ensuring]);
  }

  private asked(): number {
    let sum = 0;
    for (const request of this.open) sum += request.unfilled;
    return sum;
  }

  private pull(messages: number): void {
    const { stream, consumer, expiresMs = 30_000, heartbeatMs = 2_000 } = this.options;
    this.event({ type: 'pulling', messages });
    const request = new PullRequest(this.bus.nc, {
      stream: stream.name,
      consumer: consumer.durable_name,
      messages,
      expiresMs,
      heartbeatMs,
      onMessage: (message) => this.take(message),
      onEnd: (why, healthy) => {
        this.open.delete(request);
        this.event({ type: 'ended', why, unfilled: request.unfilled });
        if (healthy) this.wake();
        else this.restart(why);
      },
    });
    this.open.add(request);
    request.start();
  }

  /** Messages of one read from the socket are handed over together. */
  private take(message: Msg): void {
    this.arrived.push(new PulledMessage(message));
    if (this.arrived.length === 1) setImmediate(() => this.hand());
  }

  private hand(): void {
    const messages = this.arrived;
    this.arrived = [];
    const handled = (async () => this.options.onMessages(messages))()
      .catch((error: unknown) => this.fail(error, 'messages could not be handled'))
      .finally(() => {
        this.handling.delete(handled);
        this.wake();
      });
    this.handling.add(handled);
    this.wake();
  }

  private restart(why: string): void {
    if (this.ending.signal.aborted) return;
    this.ready = false;
    for (const request of this.open) request.close();
    this.open.clear();
    this.bus.log.debug({ stream: this.options.stream.name, why }, 'pull starts anew');
    this.ensuring ??= this.ensure().finally(() => {
      this.ensuring = undefined;
      this.wake();
    });
  }

  /** Rule 4. While stream or consumer are away, nothing is orphaned: whoever makes the consumer anew gets all. */
  private async redeliver(orphans: OrphanedMessages): Promise<void> {
    if (this.looking || !this.ready || !this.bus.connected) return;
    this.looking = true;
    const messages = await orphans.redeliver().catch(() => 0);
    this.looking = false;
    if (messages === 0) return;
    this.event({ type: 'orphans', messages });
    const { stream } = this.options;
    this.bus.log.warn(
      { stream: stream.name, messages },
      'a stream held messages that it delivered to nobody; they come again',
    );
  }

  private async ensure(): Promise<void> {
    const { stream, consumer } = this.options;
    const retry = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    while (!this.ending.signal.aborted) {
      try {
        await unlessReconnected(this.bus, ensureStream(this.bus.jsm, stream));
        await unlessReconnected(this.bus, ensureConsumer(this.bus.jsm, stream.name, consumer));
        this.ready = true;
        this.event({ type: 'ensured' });
        return;
      } catch (error) {
        this.fail(error, 'the stream or its consumer does not exist yet');
        await retry.wait(this.ending.signal).catch(() => undefined);
      }
    }
  }

  private fail(error: unknown, sentence: string): void {
    this.event({ type: 'failed', error });
    if (!this.ending.signal.aborted) {
      this.bus.log.warn({ err: error, stream: this.options.stream.name }, sentence);
    }
  }

  private event(event: PullEvent): void {
    this.options.onEvent?.(event);
  }
}
