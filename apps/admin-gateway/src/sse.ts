/**
 * One server-sent event stream. What waits for a slow reader is bounded: `full` says that nothing more may be added
 * before `drained`. A heartbeat comment keeps it alive, and looks again whether its reader may still read.
 */
import type { Response } from './http.js';

export const STREAM_LIMIT = 1024 * 1024;

export function frame(event: string, data: object, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export class EventStream {
  private readonly gone = new AbortController();

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

  /** Aborted when the reader is gone or the stream was closed. */
  get closed(): AbortSignal {
    return this.gone.signal;
  }

  /** More waits for the reader than may wait. */
  get full(): boolean {
    return this.res.writableLength > this.limit;
  }

  send(text: string): void {
    if (!this.closed.aborted) this.res.write(text);
  }

  /** Kept when the reader has taken all that was sent, or is gone. */
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
    if (!this.mayRead()) this.close();
    else if (!this.res.writableNeedDrain) this.send(': still here\n\n');
  }

  close(): void {
    this.res.end();
    this.gone.abort();
  }
}
