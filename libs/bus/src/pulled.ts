import type { Msg } from '@nats-io/transport-node';
import { decode } from './wire.js';

/** A message from a stream. It is delivered again unless it is acknowledged within the consumer's `ack_wait`. */
export class PulledMessage {
  /** Its number in the stream. */
  readonly seq: number;
  /** How many times it was delivered, this one included. */
  readonly deliveries: number;
  private settled = false;

  constructor(private readonly message: Msg) {
    // $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.… , with two more tokens before <stream> on newer servers.
    const tokens = (message.reply ?? '').split('.');
    const first = tokens.length >= 11 ? 6 : 4;
    this.deliveries = Number(tokens[first]);
    this.seq = Number(tokens[first + 1]);
  }

  get subject(): string {
    return this.message.subject;
  }

  get data(): Uint8Array {
    return this.message.data;
  }

  json(): unknown {
    return decode(this.message.data);
  }

  ack(): void {
    this.settle('+ACK');
  }

  /** Hands it back, to be delivered again after this delay. */
  nak(delayMs = 0): void {
    this.settle(delayMs > 0 ? `-NAK {"delay": ${delayMs * 1_000_000}}` : '-NAK');
  }

  /** It is no longer wanted by anybody. */
  term(): void {
    this.settle('+TERM');
  }

  /** Starts `ack_wait` anew. */
  working(): void {
    if (!this.settled) this.message.respond('+WPI');
  }

  private settle(verdict: string): void {
    if (this.settled) return;
    this.settled = true;
    this.message.respond(verdict);
  }
}
