import { setTimeout as delay } from 'node:timers/promises';
import type { Contract, ParamsInput, Result } from '@hero/contracts';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { type AskOptions, exchange } from './ask.js';
import type { Connection } from './connection.js';
import { type GatherOptions, gather } from './gather.js';
import type { Log } from './log.js';
import { Parcels } from './parcels.js';
import { Replies } from './replies.js';
import { connections } from './streams.js';
import { askInSlices } from './long-poll.js';
import { decode, encode, paramsFault } from './wire.js';

export interface BusOptions {
  nc: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  name: string;
  log: Log;
  waitSliceMs: number;
  outageLimitMs: number;
}

/** One connection to NATS and what services do with it. Survives restarts of the server. */
export class Bus implements Connection {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly name: string;
  readonly log: Log;
  readonly waitSliceMs: number;
  readonly outageLimitMs: number;
  readonly parcels: Parcels;
  readonly replies: Replies;
  private up = true;
  private largestMessage: number;
  private readonly reconnectListeners = new Set<() => void>();

  constructor(options: BusOptions) {
    this.nc = options.nc;
    this.js = options.js;
    this.jsm = options.jsm;
    this.name = options.name;
    this.log = options.log;
    this.waitSliceMs = options.waitSliceMs;
    this.outageLimitMs = options.outageLimitMs;
    this.parcels = new Parcels(options.nc);
    this.replies = new Replies(options.nc);
    this.largestMessage = options.nc.info?.max_payload ?? 1024 * 1024;
    connections.set(this.js, this);
    void this.watch();
  }

  /** Asks the service that answers this contract. Fails with HeroError only. */
  ask<C extends Contract>(contract: C, params: ParamsInput<C>, options: AskOptions = {}): Promise<Result<C>> {
    if (!contract.waits) return exchange(this, contract, params, options) as Promise<Result<C>>;
    // Only contracts that wait are parsed on this side: the slices need the defaults. All others are, once, at the door.
    const parsed = contract.params.safeParse(params);
    if (parsed.success) return askInSlices(this, contract, parsed.data, options) as Promise<Result<C>>;
    return Promise.reject(paramsFault(contract, parsed.error));
  }

  /** The same for a caller that only has data, already validated: the gateway. */
  askRaw(contract: Contract, params: unknown, options: AskOptions = {}): Promise<unknown> {
    return contract.waits ? askInSlices(this, contract, params, options) : exchange(this, contract, params, options);
  }

  /** Tells whoever listens; best effort: lost while the server is away. */
  announce(subject: string, data: object): void {
    if (!this.nc.isClosed()) this.nc.publish(subject, encode(data));
  }

  /** Follows announcements. What is not JSON is logged and left out. Subscribed at the server when the promise is kept. */
  async follow(
    subject: string,
    onMessage: (data: unknown, subject: string) => void,
  ): Promise<{ stop(): Promise<void> }> {
    const subscription = this.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error) return this.log.error({ err: error, subject }, 'cannot follow subject');
        try {
          onMessage(decode(message.data), message.subject);
        } catch (cause) {
          this.log.error(
            { err: cause, subject: message.subject },
            'an announcement could not be handled and is skipped',
          );
        }
      },
    });
    await this.flush();
    return {
      stop: async () => {
        if (!subscription.isClosed() && !this.nc.isClosed()) subscription.unsubscribe();
      },
    };
  }

  /** Asks everybody who listens on a subject and takes the answers that come in time. Empty while NATS is away. */
  async gather(subject: string, options: GatherOptions = {}): Promise<unknown[]> {
    return this.connected ? gather(this.nc, subject, options) : [];
  }

  get connected(): boolean {
    return this.up && !this.nc.isClosed();
  }

  /** Bytes of a body that still fits one message, headers and stamps beside it: 7/8 of the server's own limit. */
  get pageBytes(): number {
    return Math.floor((this.largestMessage / 8) * 7);
  }

  /** Calls after each reconnect, until the returned function is called. */
  onReconnect(listener: () => void): () => void {
    this.reconnectListeners.add(listener);
    return () => this.reconnectListeners.delete(listener);
  }

  /** The server has got all that was sent before. What was sent into a lost connection is lost: it is not repeated. */
  async flush(): Promise<void> {
    for (;;) {
      if (!this.connected && !this.nc.isClosed()) await this.back();
      try {
        return await this.nc.flush();
      } catch (error) {
        if (this.nc.isClosed()) throw error;
        // Lost in the middle of it; the status that says so comes a moment later.
        await delay(10);
      }
    }
  }

  private back(): Promise<void> {
    return new Promise((resolve) => {
      const forget = this.onReconnect(() => {
        forget();
        resolve();
      });
      void this.nc.closed().then(() => resolve());
    });
  }

  /** Stops taking messages, lets what is under way go out, and closes. */
  async drain(): Promise<void> {
    if (this.nc.isClosed()) return;
    if (!this.up) return this.nc.close();
    if (!this.nc.isDraining()) await this.nc.drain();
    await this.nc.closed();
  }

  get closed(): Promise<void | Error> {
    return this.nc.closed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  private async watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') {
        this.up = false;
        this.log.warn({ server: status.server }, 'NATS went away; reconnecting until it is back');
      } else if (status.type === 'reconnect') {
        this.up = true;
        this.largestMessage = this.nc.info?.max_payload ?? this.largestMessage;
        this.log.info({ server: status.server }, 'NATS is back');
        this.replies.reconnected();
        // Listeners forget themselves while they are called.
        for (const listener of Array.from(this.reconnectListeners)) listener();
      } else if (status.type === 'error') {
        this.log.error({ err: status.error }, 'NATS reports an error');
        if (status.error instanceof PermissionViolationError) this.replies.refused(status.error);
      }
    }
    this.up = false;
  }
}
