/**
 * Follows the events of one play with one subscription for all its viewers.
 *
 * 1. Viewers get events in the order of their numbers, each once. A hole is filled from the store before later events are sent;
 *    if the stored history itself has a hole, the hole is accepted.
 * 2. The bus may lose announcements, so the feed reads the store after a reconnect and after a period of silence.
 * 3. The feed keeps a bounded tail for viewers that connect a little later. Of announcements after a hole it keeps only the number,
 *    because the store has the events.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus, Log } from '@hero/bus';
import { HeroError, isFinal, MIB, type Play, type PlayEvent, playSpans } from '@hero/contracts';
import { EventRun } from './event-run.js';
import type { Methods } from './methods.js';
import type { PageCache } from './page-cache.js';
import { type Page, PlayPages } from './play-pages.js';

const TAIL_BYTES = MIB;
const RETRY_MS = 250;
/** Re-reads of the store before an announced event that is not in it is given up. */
const HOLE_TRIES = 8;

/** A viewer that is up to date receives new events as they arrive. */
export interface FeedViewer {
  take(run: EventRun): void;
  /** Called when the play is final; its history ends with this number. */
  finish(play: Play, seq: number): void;
  /** Called when the play was deleted. */
  vanish(): void;
}

export interface FeedOptions {
  bus: Bus;
  playSid: string;
  log: Log;
  cache: PageCache<Page>;
  /** Waits until the events of an ended play are stored. */
  reach: Methods['reach'];
}

export class PlayFeed {
  readonly ready: Promise<unknown>;
  readonly pages: PlayPages;
  /** Number of the newest event that was sent to viewers. */
  seq?: number;
  ended?: { play: Play; seq: number };
  readonly viewers = new Set<FeedViewer>();
  private tail: EventRun[] = [];
  private tailBytes = 0;
  /** The newest number that was announced; Infinity: read everything that the store has. */
  private announced = 0;
  private filling?: Promise<void>;
  private heard = true;
  private readonly stopping = new AbortController();

  constructor(private readonly options: FeedOptions) {
    const { bus, playSid, cache } = options;
    const { signal } = this.stopping;
    setMaxListeners(0, signal); // every viewer listens to this signal
    this.pages = new PlayPages(bus, playSid, cache, signal);
    const followed = bus.follow(playSpans(playSid), (data) => this.arrive(data));
    this.ready = followed;
    followed.catch(() => undefined);
    const forgetReconnect = bus.onReconnect(() => void (this.seq === undefined || this.fillAll()));
    signal.addEventListener('abort', () => {
      forgetReconnect();
      void followed.then((subscription) => subscription.stop()).catch(() => undefined);
    });
  }

  stop(): void {
    this.stopping.abort();
  }

  get bytes(): number {
    return this.tailBytes;
  }

  /** Starts the feed at the number that its first viewer has reached. */
  begin(seq: number): void {
    this.seq ??= seq;
  }

  /** The events after this number, if the tail still has all of them. */
  since(seq: number): EventRun[] | undefined {
    if (this.seq === undefined || seq >= this.seq) return [];
    const first = this.tail[0]?.first;
    if (first === undefined || first > seq + 1) return undefined;
    return this.tail.map((run) => run.after(seq)).filter(({ length }) => length > 0);
  }

  /** Called at every heartbeat; reads the store after a silence (2). */
  async beat(): Promise<void> {
    if (this.heard || this.seq === undefined) {
      this.heard = false;
      return;
    }
    await this.fillAll();
    await this.endIfFinal();
  }

  private arrive(data: unknown): void {
    if (!isBatch(data)) return;
    this.heard = true;
    const run = EventRun.of(data.events);
    if (run.first === undefined || run.last === undefined) return;
    this.seq ??= run.first - 1;
    this.announced = Math.max(this.announced, run.last);
    // The page of the store has the outputs that were too large for the message.
    const omitted = data.events.some((event) => event.type === 'span_ended' && event.output_omitted);
    if (!this.filling && !omitted) this.pass(run.after(this.seq).unbroken(this.seq));
    if (this.announced > this.seq) void this.fill();
  }

  /** Sends the events that directly follow the last one that was sent. */
  private pass(run: EventRun): void {
    if (run.last === undefined) return;
    this.seq = run.last;
    if (run.reopens) this.ended = undefined;
    this.keep(run);
    for (const viewer of this.viewers) viewer.take(run);
    if (run.turn === 'ended') void this.endIfFinal();
  }

  private keep(run: EventRun): void {
    this.tail.push(run);
    this.tailBytes += run.bytes.length;
    while (this.tailBytes > TAIL_BYTES) this.tailBytes -= this.tail.shift()?.bytes.length ?? 0;
  }

  private fillAll(): Promise<void> {
    this.announced = Number.POSITIVE_INFINITY;
    return this.fill();
  }

  /** Reads the store until everything that was announced has been sent. */
  private fill(): Promise<void> {
    this.filling ??= this.readMissing().finally(() => {
      this.filling = undefined;
    });
    return this.filling;
  }

  private async readMissing(): Promise<void> {
    const { log, playSid } = this.options;
    try {
      for (let tries = 0; this.announced > (this.seq ?? 0); ) {
        const toItsEnd = this.announced === Number.POSITIVE_INFINITY;
        const run = await this.pages.events(this.seq ?? 0, { fresh: true });
        this.pass(run);
        if (run.length > 0) continue;
        // The store held no further event when it was read.
        if (toItsEnd || ++tries > HOLE_TRIES) this.announced = this.seq ?? 0;
        else await delay(RETRY_MS, undefined, { signal: this.stopping.signal });
      }
    } catch (err) {
      if (!this.stopping.signal.aborted)
        log.error({ err, play_sid: playSid }, 'events that a live view missed could not be read');
    }
  }

  /** Ends the viewers if the play is still final; a retry may have reopened it meanwhile. */
  private async endIfFinal(): Promise<void> {
    const { playSid, reach } = this.options;
    try {
      const { play } = await this.pages.play();
      if (!isFinal(play.status)) return;
      // The end is sent last, after all events of the play, also those whose announcement was lost.
      await reach(playSid, this.stopping.signal);
      await this.fillAll();
      this.ended = { play, seq: this.seq ?? 0 };
      for (const viewer of Array.from(this.viewers)) viewer.finish(play, this.ended.seq);
    } catch (error) {
      if (!(error instanceof HeroError) || error.code !== 'NOT_FOUND') return;
      for (const viewer of Array.from(this.viewers)) viewer.vanish();
    }
  }
}

function isBatch(data: unknown): data is { events: PlayEvent[] } {
  return typeof data === 'object' && data !== null && 'events' in data && Array.isArray(data.events);
}
