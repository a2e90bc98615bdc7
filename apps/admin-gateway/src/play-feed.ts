/**
 * What is going on in one play, followed once however many look at it.
 *
 * 1. Events leave it in the order of their numbers, each once. A hole is filled from `play_events` before anything after
 *    it leaves; where the stored history itself has a hole, the stored history is right.
 * 2. The bus may lose what it announces. So the feed asks after a reconnect, and after a while of silence.
 * 3. It keeps a bounded tail, for viewers that arrive a little late; the rest is in the store.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus, Log } from '@hero/bus';
import {
  HeroError,
  isFinal,
  type Play,
  type PlayEvent,
  PLAY_STATUSES,
  playEvents,
  playSpans,
  playStatus,
} from '@hero/contracts';
import { fillOutputs } from './large-outputs.js';
import type { Methods } from './methods.js';
import { frame } from './sse.js';

const PAGE = 1_000;
const TAIL_EVENTS = 2_000;
const TAIL_BYTES = 2 * 1024 * 1024;
const AHEAD_LIMIT = 10_000;
const RETRY_MS = 250;
/** So often the store is asked for what was announced before that is taken as it is. */
const HOLE_TRIES = 8;

export interface Frame {
  seq: number;
  text: string;
}

/** A viewer that is up to date takes what is new as it comes. */
export interface FeedViewer {
  take(frames: readonly Frame[]): void;
  /** The play is final, and its history ends with this number. */
  finish(play: Play, seq: number): void;
  /** The play is no more. */
  vanish(): void;
}

export class PlayFeed {
  readonly ready: Promise<unknown>;
  /** The newest number that has left it. */
  seq?: number;
  ended?: { play: Play; seq: number };
  readonly viewers = new Set<FeedViewer>();
  private tail: Frame[] = [];
  private tailBytes = 0;
  private ahead: PlayEvent[] = [];
  private filling?: Promise<void>;
  private heard = true;
  private readonly stopping = new AbortController();
  private readonly forgetReconnect: () => void;

  constructor(
    private readonly bus: Bus,
    private readonly playSid: string,
    private readonly log: Log,
    /** Waits until the events of an ended play are stored. */
    private readonly reach: Methods['reach'],
  ) {
    setMaxListeners(0, this.stopping.signal); // each viewer asks under it
    const followed = bus.follow(playSpans(playSid), (data) => this.arrive(data));
    this.ready = followed;
    followed.catch(() => undefined);
    this.forgetReconnect = bus.onReconnect(() => void (this.seq === undefined || this.fill()));
    this.stopping.signal.addEventListener('abort', () => {
      this.forgetReconnect();
      void followed.then((subscription) => subscription.stop()).catch(() => undefined);
    });
  }

  stop(): void {
    this.stopping.abort();
  }

  /** The first viewer's place is where the feed begins. */
  begin(seq: number): void {
    this.seq ??= seq;
  }

  /** What a viewer at this number has missed, if the tail still has all of it. */
  since(seq: number): Frame[] | undefined {
    if (this.seq === undefined || seq >= this.seq) return [];
    const first = this.tail[0];
    if (!first || first.seq > seq + 1) return undefined;
    return this.tail.filter((one) => one.seq > seq);
  }

  /** Called at every heartbeat: whoever hears nothing asks (2). */
  async beat(): Promise<void> {
    if (this.heard || this.seq === undefined) {
      this.heard = false;
      return;
    }
    await this.fill();
    await this.settle();
  }

  private arrive(data: unknown): void {
    if (!isBatch(data)) return;
    this.heard = true;
    const first = data.events[0];
    if (!first) return;
    this.seq ??= first.seq - 1;
    // An output that was too large for the message comes with the page of the store.
    if (data.events.some((event) => event.type === 'span_ended' && event.output_omitted)) void this.fill();
    if (this.filling) {
      this.ahead.push(...data.events);
      // The store has them all: what is ahead only saves a question.
      if (this.ahead.length > AHEAD_LIMIT) this.ahead = this.ahead.slice(-1);
      return;
    }
    const hole = this.pass(data.events);
    if (hole.length === 0) return;
    this.ahead = hole;
    void this.fill();
  }

  /** Lets out what follows without a hole; gives back the rest. */
  private pass(events: readonly PlayEvent[], trusted = false): PlayEvent[] {
    const frames: Frame[] = [];
    let rest: PlayEvent[] = [];
    let final = false;
    for (const [index, event] of events.entries()) {
      const seq = this.seq ?? 0;
      if (event.seq <= seq) continue;
      if (event.seq > seq + 1 && !trusted) {
        rest = events.slice(index);
        break;
      }
      frames.push({ seq: event.seq, text: frame('event', event, event.seq) });
      this.seq = event.seq;
      if (event.type === 'status') final = FINAL_WORDS.has(event.status);
      if (event.type === 'attempt_started' || (event.type === 'status' && !final)) this.ended = undefined;
    }
    if (frames.length > 0) {
      this.keep(frames);
      for (const viewer of this.viewers) viewer.take(frames);
      if (final) void this.settle();
    }
    return rest;
  }

  private keep(frames: readonly Frame[]): void {
    this.tail.push(...frames);
    for (const { text } of frames) this.tailBytes += text.length;
    let drop = 0;
    while (this.tail.length - drop > TAIL_EVENTS || (this.tailBytes > TAIL_BYTES && drop < this.tail.length)) {
      this.tailBytes -= this.tail[drop++]?.text.length ?? 0;
    }
    if (drop > 0) this.tail = this.tail.slice(drop);
  }

  /** Asks the store for what is missing until nothing is. */
  private fill(): Promise<void> {
    this.filling ??= this.readMissing().finally(() => {
      this.filling = undefined;
    });
    return this.filling;
  }

  private async readMissing(): Promise<void> {
    try {
      for (let tries = 0; ; tries++) {
        const { items } = await this.page(this.seq ?? 0);
        this.pass(items, true);
        const announced = this.ahead.splice(0);
        const rest = this.pass(announced, tries > HOLE_TRIES);
        // Done when what was announced follows without a hole, or else when the store has no more.
        if (rest.length === 0 && (announced.length > 0 || items.length === 0)) return;
        this.ahead = [...rest, ...this.ahead];
        if (items.length === 0) await delay(RETRY_MS, undefined, { signal: this.stopping.signal });
      }
    } catch (err) {
      if (!this.stopping.signal.aborted) this.log.error({ err, play_sid: this.playSid }, 'hole in a live view stays');
    }
  }

  /** A page of the stored history; asked again until the store is there, or nobody looks any more. */
  async page(after: number, limit = PAGE): Promise<{ items: PlayEvent[] }> {
    return this.persist(async () => {
      try {
        const asked = { play_sid: this.playSid, after_seq: after, limit };
        const found = await this.bus.ask(playEvents, asked, this.limits);
        await fillOutputs(this.bus, this.playSid, found, this.stopping.signal);
        return found;
      } catch (error) {
        // The store learns of a play with its first event.
        if (error instanceof HeroError && error.code === 'NOT_FOUND') return { items: [] };
        throw error;
      }
    });
  }

  /** Repeats what fails for reasons that pass. */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof HeroError) || !error.retry) throw error;
        await delay(RETRY_MS, undefined, { signal: this.stopping.signal });
      }
    }
  }

  get limits(): { signal: AbortSignal } {
    return { signal: this.stopping.signal };
  }

  /** Looks whether the play is final, and tells its viewers. After a retry meanwhile it is not. */
  private async settle(): Promise<void> {
    try {
      const play = await this.persist(() => this.bus.ask(playStatus, { play_sid: this.playSid }, this.limits));
      if (!isFinal(play.status)) return;
      // The end goes last: after whatever the play has sent before it, announced or not.
      await this.reach(this.playSid, this.stopping.signal);
      await this.fill();
      this.ended = { play, seq: this.seq ?? 0 };
      for (const viewer of Array.from(this.viewers)) viewer.finish(play, this.ended.seq);
    } catch (error) {
      if (!(error instanceof HeroError) || error.code !== 'NOT_FOUND') return;
      for (const viewer of Array.from(this.viewers)) viewer.vanish();
    }
  }
}

const FINAL_WORDS = new Set<string>(PLAY_STATUSES.filter(isFinal));

function isBatch(data: unknown): data is { events: PlayEvent[] } {
  return typeof data === 'object' && data !== null && 'events' in data && Array.isArray(data.events);
}
