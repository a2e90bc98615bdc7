/** One pull request to a JetStream consumer, over the core protocol. */
import { createInbox, type Msg, type NatsConnection, nanos, type Subscription } from '@nats-io/transport-node';
import { encode } from './wire.js';

interface PullRequestOptions {
  stream: string;
  consumer: string;
  messages: number;
  expiresMs: number;
  heartbeatMs: number;
  onMessage(message: Msg): void;
  /** Called once, unless it was closed. `healthy`: the consumer is there, and the next request may go out at once. */
  onEnd(why: string, healthy: boolean): void;
}

/** Statuses that are not the end of a consumer: no message arrived in time, or the request asked for too many. */
const TIMED_OUT = 408;
const NOTHING_THERE = 404;
const HEARTBEAT = 100;

/** One request for messages with an inbox of its own, so that each status belongs to exactly one request. */
export class PullRequest {
  unfilled: number;
  private subscription?: Subscription;
  private silence?: NodeJS.Timeout;

  constructor(
    private readonly nc: NatsConnection,
    private readonly options: PullRequestOptions,
  ) {
    this.unfilled = options.messages;
  }

  start(): void {
    const { stream, consumer, messages, expiresMs, heartbeatMs } = this.options;
    const inbox = createInbox();
    this.subscription = this.nc.subscribe(inbox, {
      callback: (error, message) => (error ? this.end(error.message, false) : this.receive(message)),
    });
    const body = { batch: messages, expires: nanos(expiresMs), idle_heartbeat: nanos(heartbeatMs) };
    this.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, encode(body), { reply: inbox });
    this.listenForSilence();
  }

  close(): void {
    clearTimeout(this.silence);
    if (this.subscription && !this.subscription.isClosed() && !this.nc.isClosed()) this.subscription.unsubscribe();
  }

  private receive(message: Msg): void {
    this.listenForSilence();
    const status = message.headers?.code ?? 0;
    if (status === HEARTBEAT) return;
    if (status > 0 && message.data.length === 0) {
      const why = `${status} ${message.headers?.description ?? ''}`.trim();
      return this.end(why, status === TIMED_OUT || status === NOTHING_THERE);
    }
    this.unfilled--;
    this.options.onMessage(message);
    if (this.unfilled === 0) this.end('filled', true);
  }

  private listenForSilence(): void {
    // refresh() costs nothing per message; a new timer would.
    if (this.silence) this.silence.refresh();
    else this.silence = setTimeout(() => this.end('heartbeats missing', false), this.options.heartbeatMs * 2.5);
  }

  private end(why: string, healthy: boolean): void {
    this.close();
    this.options.onEnd(why, healthy);
  }
}
