/**
 * Pages of one play, encoded once and shared by its viewers.
 *
 * 1. A page has about PAGE_BYTES, or one span or batch that is larger. A viewer holds one page at a time.
 * 2. Viewers that read the same page at the same time share one request and one buffer; complete pages are kept in a cache
 *    that all plays share.
 * 3. An old page may be used: later changes are in a later page or an event. Only the finding that there are no more events needs a
 *    request of the viewer's own, because a shared request may have been sent before the last event.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@hero/bus';
import {
  type Contract,
  HeroError,
  type HistoryState,
  MIB,
  type ParamsInput,
  type Play,
  playEvents,
  playStatus,
  type Result,
  type SpanCursor,
  spanPage,
} from '@hero/contracts';
import { EventRun } from './event-run.js';
import { fillOutputs } from './large-outputs.js';
import type { PageCache } from './page-cache.js';

const PAGE_BYTES = MIB / 2;
const PAGE_EVENTS = 1_000;
const PAGE_SPANS = 2_000;
const RETRY_MS = 250;

/** JSON of a part of the tree. */
export interface SpanPage {
  bytes: Buffer;
  next: SpanCursor | null;
  seq: number;
  state: HistoryState;
}

export interface KnownPlay {
  play: Play;
  bytes: Buffer;
}

export type Page = SpanPage | EventRun;
export const FIRST_SPANS: SpanCursor = { seq: 0, first_seq: 0 };

export class PlayPages {
  private readonly underWay = new Map<string, Promise<Page>>();
  private newest?: KnownPlay;

  constructor(
    private readonly bus: Bus,
    private readonly playSid: string,
    private readonly cache: PageCache<Page>,
    private readonly signal: AbortSignal,
  ) {}

  /** The events after a number, possibly none. `fresh`: reads them now instead of sharing a request in progress. */
  async events(after: number, { fresh = false } = {}): Promise<EventRun> {
    let own = fresh;
    const read = (): Promise<EventRun> => {
      own = true;
      return this.readEvents(after);
    };
    const run = fresh ? await read() : await this.shared(`events ${after}`, read, ({ length }) => length > 0);
    return run.length > 0 || own ? run : read();
  }

  spans(after: SpanCursor): Promise<SpanPage> {
    const read = (): Promise<SpanPage> => this.readSpans(after);
    return this.shared(`spans ${after.seq} ${after.first_seq}`, read, ({ next }) => next !== null);
  }

  /** Whether an event with this number is stored. */
  async has(seq: number): Promise<boolean> {
    const { items } = await this.ask(playEvents, { play_sid: this.playSid, after_seq: seq - 1, limit: 1 }, NO_EVENTS);
    return items[0]?.seq === seq;
  }

  /** The play as it is now. Viewers share its text as long as it does not change. */
  async play(): Promise<KnownPlay> {
    const play = await this.persist(() => this.bus.ask(playStatus, { play_sid: this.playSid }, this.limits));
    const bytes = Buffer.from(JSON.stringify(play));
    if (!this.newest?.bytes.equals(bytes)) this.newest = { play, bytes };
    return this.newest;
  }

  /** Repeats a request that failed temporarily, until the last viewer has left. */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof HeroError) || !error.retry) throw error;
        await delay(RETRY_MS, undefined, this.limits);
      }
    }
  }

  get limits(): { signal: AbortSignal } {
    return { signal: this.signal };
  }

  private async shared<P extends Page>(
    name: string,
    read: () => Promise<P>,
    complete: (page: P) => boolean,
  ): Promise<P> {
    const key = `${this.playSid} ${name}`;
    // The key of the cache contains the kind of page.
    const known = (this.cache.get(key) ?? this.underWay.get(key)) as P | Promise<P> | undefined;
    if (known) return known;
    const asked = read();
    this.underWay.set(key, asked);
    try {
      const page = await asked;
      if (complete(page)) this.cache.put(key, page);
      return page;
    } finally {
      this.underWay.delete(key);
    }
  }

  private async readEvents(after: number): Promise<EventRun> {
    const asked = { play_sid: this.playSid, after_seq: after, limit: PAGE_EVENTS, max_bytes: PAGE_BYTES };
    const found = await this.ask(playEvents, asked, NO_EVENTS);
    await fillOutputs(this.bus, this.playSid, found, this.signal, PAGE_BYTES);
    return EventRun.of(found.items);
  }

  private async readSpans(after: SpanCursor): Promise<SpanPage> {
    const asked = { play_sid: this.playSid, after, limit: PAGE_SPANS, max_bytes: PAGE_BYTES };
    const { spans, ...rest } = await this.ask(spanPage, asked, NO_SPANS);
    await fillOutputs(this.bus, this.playSid, { spans }, this.signal, PAGE_BYTES);
    return { ...rest, bytes: Buffer.from(JSON.stringify(spans)) };
  }

  /** The registry knows a play before span-ingest does, which learns of it with its first event. */
  private ask<C extends Contract>(contract: C, params: ParamsInput<C>, nothing: Result<C>): Promise<Result<C>> {
    return this.persist(async () => {
      try {
        return await this.bus.ask(contract, params, this.limits);
      } catch (error) {
        if (error instanceof HeroError && error.code === 'NOT_FOUND') return nothing;
        throw error;
      }
    });
  }
}

const NO_EVENTS: Result<typeof playEvents> = { items: [], seq: 0 };
const NO_SPANS: Result<typeof spanPage> = {
  spans: [],
  next: null,
  seq: 0,
  state: { attempt: 0, final: null, final_at: null },
};
