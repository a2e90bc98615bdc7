/**
 * One stream of server-sent events. The buffer for a slow reader is bounded: when the stream is `full`, the sender waits for
 * `drained`. A heartbeat comment keeps the connection alive, checks that the reader is still authorised, and closes the stream of a
 * reader that has read nothing for a long time.
 */
import { MIB } from '@hero/contracts';
import type { Response } from './http.js';

const STREAM_LIMIT = MIB;
/** Number of heartbeats (five minutes) after which a reader that reads nothing is disconnected. */
const STALLED_BEATS = 20;

export function frame(event: string, data: object, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export class EventStream {
  private readonly gone = new AbortController();
  private taken = 0;
  private stalled = 0;

  constructor(
    private readonly res: Response,
    private readonly mayRead: () => boolean,
    private readonly limit = STREAM_LIMIT,
  ) {
    res.once('close', () => this.gone.abort());
    if (res.closed) this.gone.abort();
  }

  open(): void {
    const { res } = this;
    res.statusCode = 200;
    res.setHeader('content-type', 'text/event-stream; charset=utf-8');
    res.setHeader('cache-control', 'no-store');
    res.setHeader('x-accel-buffering', 'no');
    res.socket?.setNoDelay(true);
    res.flushHeaders();
  }

  /** Aborted when the reader disconnected or the stream was closed. */
  get closed(): AbortSignal {
    return this.gone.signal;
  }

  /** Calls when the stream is closed, also if that has happened already. */
  onClose(forget: () => void): void {
    if (this.closed.aborted) forget();
    else this.closed.addEventListener('abort', forget, { once: true });
  }

  /** Bytes that wait for the reader. */
  get waiting(): number {
    return this.res.writableLength;
  }

  /** Whether the bytes that wait for the reader have reached the limit. */
  get full(): boolean {
    return this.waiting > this.limit;
  }

  /** Buffers are not copied: readers of the same page share it. */
  send(...parts: (string | Buffer)[]): void {
    if (this.closed.aborted) return;
    // Not corked: Node then waits for a drain that a socket which takes everything immediately never reports.
    for (const part of parts) if (part.length > 0) this.res.write(part);
  }

  /** Resolves when the reader has received everything that was sent, or has disconnected. */
  drained(): Promise<void> {
    if (this.closed.aborted || !this.res.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.res.off('drain', done);
        this.closed.removeEventListener('abort', done);
        resolve();
      };
      this.res.once('drain', done);
      this.closed.addEventListener('abort', done, { once: true });
    });
  }

  beat(): void {
    // A stream whose play has not been found yet has sent no headers.
    if (!this.res.headersSent) return;
    if (!this.mayRead()) return this.close();
    if (!this.res.writableNeedDrain) {
      this.stalled = 0;
      return this.send(': still here\n\n');
    }
    const taken = this.res.socket?.bytesWritten ?? 0;
    this.stalled = taken === this.taken ? this.stalled + 1 : 0;
    this.taken = taken;
    // The reader will not read the end of the stream either, so the connection is closed without waiting.
    if (this.stalled >= STALLED_BEATS) this.res.destroy();
  }

  close(): void {
    this.res.end();
    this.gone.abort();
  }
}
