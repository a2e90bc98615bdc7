/**
 * Keeps a vector for each flow of the library, and makes those of queries.
 *
 * 1. A search never waits long for it: where there is no vector of the query in time, the search goes by words and says why.
 * 2. A text that was embedded once, by hash, is not embedded again (vector-store.ts).
 * 3. The mode is `hybrid` only while nearly all flows have a vector: the others would be ranked below them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LATE, type Log, within } from '@hero/bus';
import type { SearchState } from '@hero/contracts';
import { type Embedder, EmbedderFault } from './embedder.js';
import type { Library } from './library.js';
import { type PackedVector, pack } from './vector-index.js';
import { hashOf, VectorStore } from './vector-store.js';

const BATCH = 8;
const QUERY_WITHIN_MS = 2_500;
const RETRY_MS = 60_000;
const QUERIES_KEPT = 500;
/** Hybrid while at most this part of the flows has no vector. */
const FEW = 0.05;
const FEW_FLOWS = 8;

export interface MeaningsOptions {
  /** Undefined: by words alone, for this reason. */
  embedder: Embedder | undefined;
  reason: string;
  /** The folder of the vectors. */
  folder: string;
  log: Log;
  signal: AbortSignal;
  /** How long after the first flows it begins, so that it does not slow the start of the system. */
  beginAfterMs: number;
}

export interface QueryMeaning {
  vector?: PackedVector;
  mode: SearchState['mode'];
  reason: string;
}

export class Meanings {
  private store?: VectorStore;
  private fault?: string;
  private begun = false;
  private working = false;
  private readonly queries = new Map<string, PackedVector>();

  constructor(
    private readonly library: Library,
    private readonly options: MeaningsOptions,
  ) {}

  /** Flows of the library changed. */
  changed(): void {
    const { embedder, beginAfterMs, signal } = this.options;
    if (!embedder || signal.aborted || this.library.unembedded.size === 0) return;
    if (this.begun) void this.work(embedder);
    else {
      this.begun = true;
      this.later(beginAfterMs, embedder);
    }
  }

  get state(): SearchState {
    const { size: flows, embedded } = this.library;
    const { mode, reason } = this.mode();
    return { mode, reason, flows, embedded };
  }

  /** The vector of a query, where the search goes by meaning too. */
  async of(query: string): Promise<QueryMeaning> {
    const { embedder } = this.options;
    const state = this.mode();
    if (!embedder || state.mode === 'words') return state;
    const known = this.queries.get(query);
    if (known) return { ...state, vector: known };
    try {
      const embedded = await within(embedder.embed([query], 'query'), QUERY_WITHIN_MS);
      if (embedded === LATE) return { mode: 'words', reason: 'The embedding model did not answer in time.' };
      const vector = pack(embedded[0] ?? []);
      this.remember(query, vector);
      return { ...state, vector };
    } catch (error) {
      if (!(error instanceof EmbedderFault)) throw error;
      return { mode: 'words', reason: error.message };
    }
  }

  async stop(): Promise<void> {
    await this.options.embedder?.stop();
    this.store?.close();
  }

  private mode(): { mode: SearchState['mode']; reason: string } {
    const { embedder, reason } = this.options;
    const { size, embedded, unembedded } = this.library;
    const done = `${embedded} of ${size} flows are embedded`;
    if (!embedder) return { mode: 'words', reason };
    const few = unembedded.size <= Math.max(FEW_FLOWS, FEW * size);
    if (embedded > 0 && few) return { mode: 'hybrid', reason: `${reason} ${done}.` };
    if (this.fault !== undefined) return { mode: 'words', reason: this.fault };
    return { mode: 'words', reason: size === 0 ? 'The library is empty.' : `The flows are being embedded: ${done}.` };
  }

  /** Embeds until every flow has a vector. */
  private async work(embedder: Embedder): Promise<void> {
    if (this.working) return;
    this.working = true;
    const { log, signal } = this.options;
    try {
      while (this.library.unembedded.size > 0 && !signal.aborted) await this.batch(embedder);
      this.fault = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof EmbedderFault))
        log.error({ err: error }, 'flows could not be embedded; trying again later');
      else if (this.fault !== error.message) log.warn({ why: error.message }, 'no search by meaning');
      this.fault = error instanceof EmbedderFault ? error.message : 'The flows could not be embedded.';
      if (!(error instanceof EmbedderFault) || error.passing) this.later(RETRY_MS, embedder);
    } finally {
      this.working = false;
    }
  }

  private async batch(embedder: Embedder): Promise<void> {
    this.store ??= new VectorStore(this.options.folder, embedder.model);
    const store = this.store;
    const missing = new Map<string, { sid: string; text: string }>();
    let looked = 0;
    for (const sid of this.library.unembedded) {
      const text = this.library.meaningOf(sid);
      if (text === undefined) continue;
      const hash = hashOf(text);
      const known = store.get(hash);
      if (known) this.library.setVector(sid, known);
      else missing.set(hash, { sid, text });
      // Other work of the process goes between.
      if (missing.size === BATCH) break;
      if (++looked % 100 === 0) await nextTurn();
    }
    const texts = [...missing.values()].map(({ text }) => text);
    const vectors = texts.length > 0 ? await embedder.embed(texts, 'background') : [];
    for (const [nth, [hash, { sid, text }]] of [...missing].entries()) {
      const vector = pack(vectors[nth] ?? []);
      store.put(hash, vector);
      // The flow may have changed or gone meanwhile; then it is still unembedded, and its next text is embedded.
      if (this.library.meaningOf(sid) === text) this.library.setVector(sid, vector);
    }
  }

  private later(ms: number, embedder: Embedder): void {
    const { signal } = this.options;
    const timer = setTimeout(() => void this.work(embedder), ms).unref();
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  private remember(query: string, vector: PackedVector): void {
    if (this.queries.size >= QUERIES_KEPT) this.queries.delete(this.queries.keys().next().value as string);
    this.queries.set(query, vector);
  }
}
