/**
 * Other threads that store, for when one is not enough. Parsing, folding and encoding take about 35 µs a span here, so
 * one thread ends at 28,000 spans a second while PostgreSQL has room for more.
 *
 * T1 They are started when a writer has more than one group waiting, and not before: a quiet service stays one thread.
 * T2 A writer has one group under way at a time, so it may change its thread from group to group.
 * T3 A thread that dies fails its groups, which are tried again by this one.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Log } from '@hero/bus';
import type { RawBatch } from './raw-batch.js';
import type { StoredGroup, Storer } from './storer.js';

/** Given to a thread at its start. */
export interface ThreadSettings {
  databaseUrl: string;
  instance: string;
  logLevel: string;
  logFormat: 'json' | 'line';
}

export type ToThread = { nr: number; group: RawBatch[]; limit: number } | 'close';
export type FromThread = { nr: number; stored: StoredGroup } | { nr: number; failure: string } | 'ready';

const SCRIPT = new URL('./thread.js', import.meta.url);
const THREADS = Math.min(3, availableParallelism() - 1);

export class Threads {
  private readonly threads: Thread[] = [];

  constructor(
    private readonly own: Storer,
    private readonly settings: ThreadSettings,
    private readonly log: Log,
  ) {}

  /** Who stores the next group of this writer. */
  for(writer: number, pressed: boolean): Storer {
    const index = writer % Math.max(1, THREADS);
    const thread = this.threads[index];
    if (thread?.ready) return thread;
    // When run from sources, there is no built script to start a thread with.
    if (pressed && !thread && index < THREADS && existsSync(fileURLToPath(SCRIPT))) this.start(index);
    return this.own;
  }

  async stop(): Promise<void> {
    await Promise.all(Object.values(this.threads).map((thread) => thread.stop()));
  }

  private start(index: number): void {
    const onReady = (): void =>
      this.log.info({ thread: index }, 'one thread is not enough: another one stores events too');
    const onEnd = (err: Error | undefined): void => {
      delete this.threads[index];
      if (err) this.log.error({ err, thread: index }, 'a storing thread died');
    };
    this.threads[index] = new Thread(this.settings, onReady, onEnd);
  }
}

class Thread implements Storer {
  ready = false;
  private next = 0;
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve(stored: StoredGroup): void; reject(error: Error): void }>();
  private readonly ended: Promise<void>;

  constructor(
    settings: ThreadSettings,
    private readonly onReady: () => void,
    onEnd: (error: Error | undefined) => void,
  ) {
    this.worker = new Worker(SCRIPT, { workerData: settings });
    let fault: Error | undefined;
    this.worker.on('message', (message: FromThread) => this.take(message));
    this.worker.on('error', (error) => {
      fault = error instanceof Error ? error : new Error(String(error));
    });
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.ready = false;
        onEnd(fault);
        for (const { reject } of this.waiting.values())
          reject(new Error('The thread that stored the events died.', { cause: fault }));
        resolve();
      });
    });
  }

  store(group: readonly RawBatch[], limit: number): Promise<StoredGroup> {
    const nr = this.next++;
    // Copied: what came lies in buffers that are shared with other messages, and may have to be stored again. Not by
    // `slice`: what NATS hands out may be a Buffer, whose slices share their memory.
    const owned = group.map((raw) => ({ ...raw, data: new Uint8Array(raw.data) }));
    return new Promise((resolve, reject) => {
      this.waiting.set(nr, { resolve, reject });
      this.send(
        { nr, group: owned, limit },
        owned.map(({ data }) => data.buffer),
      );
    });
  }

  async stop(): Promise<void> {
    this.send('close', []);
    await this.ended;
  }

  private send(message: ToThread, moved: ArrayBuffer[]): void {
    this.worker.postMessage(message, moved);
  }

  private take(message: FromThread): void {
    if (message === 'ready') {
      this.ready = true;
      this.onReady();
      return;
    }
    const asked = this.waiting.get(message.nr);
    this.waiting.delete(message.nr);
    if ('stored' in message) asked?.resolve(message.stored);
    else asked?.reject(new Error(message.failure));
  }
}
