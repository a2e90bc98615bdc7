/**
 * EventBatches on their way into the stream of telemetry. While one message is under way, the small batches that come meanwhile wait and
 * travel together in the next: a quiet sender waits for nothing, and a busy one sends a message for many plays.
 *
 * 1. The batches of one play go out in the order in which they came. Where one fails, what waits behind it fails too: its sender publishes
 *    both again.
 * 2. Each batch is answered on its own. Where the stream refuses the message of many, or its answer is lost, each batch goes again alone:
 *    the same bytes, and one that is stored twice changes nothing (I8). So a message of many has no id for the stream, which would take
 *    it for another one that begins with the same batch.
 * 3. A large batch goes alone, and counts for its own play's share of the stream: a flood takes no room from other plays (I12). It goes at
 *    once, unless something of its own play is before it.
 */
import { type EventBatch, stringify, telemetry, TELEMETRY_OF_MANY } from '@hero/contracts';
import type { Bus } from './bus.js';
import { publishBytes } from './streams.js';

const SMALL_BYTES = 8 * 1024;
/** span-ingest holds a message until the last of its batches is stored. */
const TOGETHER_BYTES = 64 * 1024;
const NEWLINE = Buffer.from('\n');

interface Batch {
  readonly playSid: string;
  readonly id: string;
  readonly data: Buffer;
  readonly goesAlone: boolean;
}

interface Waiting extends Batch {
  readonly sent: () => void;
  readonly stored: () => void;
  readonly failed: (error: unknown) => void;
}

export class BatchPublisher {
  private waiting: Waiting[] = [];
  private underWay: readonly Waiting[] = [];

  constructor(
    private readonly bus: Bus,
    /** For one message. */
    private readonly timeoutMs = 5_000,
  ) {}

  /**
   * Resolves when the batch is stored. UNAVAILABLE: it may not be; publish the same batch again. `sent` is called when it is on its way:
   * what this connection sends after that arrives after it.
   */
  publish(given: EventBatch, sent = (): void => undefined): Promise<void> {
    const { play_sid: playSid, source, batch: number } = given;
    const data = Buffer.from(stringify(given));
    // JSON that is passed on as text may hold line breaks between its tokens.
    const goesAlone = data.length > SMALL_BYTES || data.includes(NEWLINE);
    const batch = { playSid, id: `${playSid}:${source}:${number}`, data, goesAlone };
    if (goesAlone && !this.holds(playSid)) return this.alone({ ...batch, sent });
    return new Promise((stored, failed) => {
      this.waiting.push({ ...batch, sent, stored, failed });
      if (this.waiting.length === 1 && this.underWay.length === 0) setImmediate(() => void this.sendAll());
    });
  }

  private holds(sid: string): boolean {
    return [this.underWay, this.waiting].some((batches) => batches.some(({ playSid }) => playSid === sid));
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      this.underWay = this.take();
      const error = await this.send(this.underWay);
      if (error !== undefined) for (const { failed } of this.waiting.splice(0)) failed(error);
      this.underWay = [];
    }
  }

  /** The next one, and what can travel with it. */
  private take(): Waiting[] {
    let bytes = 0;
    const end = this.waiting.findIndex(({ data, goesAlone }, index) => {
      bytes += data.length + 1;
      return index > 0 && (goesAlone || this.waiting[0]?.goesAlone || bytes > TOGETHER_BYTES);
    });
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end);
  }

  /** Never throws: returns why one of them was not stored. */
  private async send(group: readonly Waiting[]): Promise<unknown> {
    if (group.length > 1 && (await this.together(group))) {
      for (const { stored } of group) stored();
      return undefined;
    }
    let fault: unknown;
    const send = (one: Waiting): Promise<void> =>
      this.alone(one).then(one.stored, (error: unknown) => {
        fault ??= error;
        one.failed(error);
      });
    await Promise.all(group.map(send));
    return fault;
  }

  /** Whether the stream took them (2). */
  private together(group: readonly Waiting[]): Promise<boolean> {
    const data = Buffer.concat(group.flatMap((one) => [one.data, NEWLINE]));
    const published = publishBytes(this.bus.js, telemetry(TELEMETRY_OF_MANY), data, { timeout: this.timeoutMs });
    for (const { sent } of group) sent();
    return published.then(
      () => true,
      () => false,
    );
  }

  private async alone({ playSid, id, data, sent }: Pick<Waiting, 'playSid' | 'id' | 'data' | 'sent'>): Promise<void> {
    const published = publishBytes(this.bus.js, telemetry(playSid), data, { msgID: id, timeout: this.timeoutMs });
    sent();
    await published;
  }
}
