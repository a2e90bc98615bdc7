import type { Msg } from '@nats-io/transport-node';
import { decode } from './wire.js';

/** A message from a stream. It is delivered again unless it is acknowledged within the consumer's `ack_wait`. */
export class PulledMessage {
  /** Its number in the stream. */
  readonly seq: number;
  /** How many times it was delivered, this one included. */
  readonly deliveries: number;
  private answered = false;

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
    this.answer('+ACK');
  }

  /** Hands it back, to be delivered again after this delay. */
  nak(delayMs = 0): void {
    this.answer(delayMs > 0 ? `-NAK {"delay": ${delayMs * 1_000_000}}` : '-NAK');
  }

  /** Ends the message for good: the server does not deliver it again. */
  term(): void {
    this.answer('+TERM');
  }

  /** Starts `ack_wait` anew. */
  working(): void {
    if (!this.answered) this.message.respond('+WPI');
  }

  private answer(verdict: string): void {
    if (this.answered) return;
    this.answered = true;
    this.message.respond(verdict);
  }
}
