/** All open streams: one feed per play, shared by its viewers; the stream of changes for lists; one heartbeat for all. */
import type { Bus, Log } from '@hero/bus';
import { allChanges, type ChangeKind, HeroError, type Play, playStatus } from '@hero/contracts';
import { every } from '@hero/service-kit';
import type { Methods } from './methods.js';
import { PageCache } from './page-cache.js';
import { PlayFeed } from './play-feed.js';
import type { Page } from './play-pages.js';
import { type EventStream, frame } from './sse.js';
import { Viewer } from './viewer.js';

const KINDS: readonly ChangeKind[] = ['play', 'workflow'];

export interface LiveOptions {
  heartbeatMs?: number;
  closing: AbortSignal;
}

export interface LiveCounts {
  feeds: number;
  streams: number;
  /** Number of streams of changes. */
  listeners: number;
  /** Number of viewers that are up to date and receive events as they arrive. */
  upToDate: number;
  /** Bytes that wait for readers (shared bytes count for each of them), and bytes that are kept for them. */
  bufferedBytes: number;
}

/** The largest number of open streams; each may hold a page and STREAM_LIMIT bytes. */
const STREAMS_LIMIT = 512;

export class Live {
  private readonly feeds = new Map<string, { feed: PlayFeed; viewers: number }>();
  private readonly cache = new PageCache<Page>();
  private readonly streams = new Set<EventStream>();
  private readonly listeners = new Set<EventStream>();
  private following?: Promise<unknown>;

  constructor(
    private readonly bus: Bus,
    private readonly methods: Methods,
    private readonly log: Log,
    { closing, heartbeatMs = 15_000 }: LiveOptions,
  ) {
    every(heartbeatMs, () => this.beat(), { signal: closing, log, name: 'heartbeat' });
    closing.addEventListener('abort', () => this.close());
  }

  /** Serves a play to a viewer until it ends. Rejects before the stream is opened if the play does not exist. */
  async watch(playSid: string, stream: EventStream, after?: number): Promise<void> {
    this.admit(stream);
    const held = this.feeds.get(playSid) ?? { feed: this.newFeed(playSid), viewers: 0 };
    this.feeds.set(playSid, held);
    held.viewers++;
    const { feed } = held;
    try {
      // Subscribes before it reads, so that no event is missed between the two.
      await feed.ready;
      const play = await this.bus.ask(playStatus, { play_sid: playSid }, { signal: stream.closed });
      stream.open();
      await this.show(new Viewer({ methods: this.methods, feed, playSid, stream, after }), play, stream);
    } finally {
      this.streams.delete(stream);
      if (--held.viewers === 0) {
        this.feeds.delete(playSid);
        feed.stop();
      }
    }
  }

  /** Sends every change of plays and workflows to a reader until it disconnects. */
  async announce(stream: EventStream): Promise<void> {
    this.admit(stream);
    await this.followChanges();
    stream.open();
    stream.send(': listening\n\n');
    this.listeners.add(stream);
    stream.onClose(() => this.listeners.delete(stream));
  }

  get counts(): LiveCounts {
    let bufferedBytes = this.cache.bytes;
    let upToDate = 0;
    for (const { waiting } of this.streams) bufferedBytes += waiting;
    for (const { feed } of this.feeds.values()) {
      bufferedBytes += feed.bytes;
      upToDate += feed.viewers.size;
    }
    return {
      feeds: this.feeds.size,
      streams: this.streams.size,
      listeners: this.listeners.size,
      upToDate,
      bufferedBytes,
    };
  }

  private admit(stream: EventStream): void {
    if (this.streams.size >= STREAMS_LIMIT) {
      throw new HeroError(
        'RATE_LIMITED',
        `There are already ${STREAMS_LIMIT} open streams; close some, and try again.`,
      );
    }
    this.streams.add(stream);
    stream.onClose(() => this.streams.delete(stream));
  }

  private newFeed(playSid: string): PlayFeed {
    const { bus, log, cache } = this;
    return new PlayFeed({ bus, playSid, log, cache, reach: (sid, signal) => this.methods.reach(sid, signal) });
  }

  private async show(viewer: Viewer, play: Play, stream: EventStream): Promise<void> {
    try {
      await viewer.run(play);
    } catch (err) {
      if (!stream.closed.aborted && !(err instanceof HeroError && err.code === 'NOT_FOUND')) {
        this.log.error({ err, play_sid: play.sid }, 'live view failed');
      }
      // The viewer reconnects by itself, with its Last-Event-ID.
      stream.close();
    }
  }

  private followChanges(): Promise<unknown> {
    this.following ??= Promise.all(
      KINDS.map((kind) => this.bus.follow(allChanges(kind), (data, subject) => this.tell(kind, data, subject))),
    ).then(() => this.bus.onReconnect(() => this.tellAll(RESYNC)));
    this.following.catch(() => {
      this.following = undefined;
    });
    return this.following;
  }

  private tell(kind: ChangeKind, data: unknown, subject: string): void {
    const sid = subject.split('.').at(-1) ?? '';
    this.tellAll(frame(kind, { ...(typeof data === 'object' ? data : {}), sid }));
  }

  private tellAll(text: string): void {
    for (const stream of this.listeners) {
      stream.send(text);
      if (stream.full) void this.resync(stream);
    }
  }

  /** A reader that is too slow misses changes; when it reads again it gets an event that says so. */
  private async resync(stream: EventStream): Promise<void> {
    this.listeners.delete(stream);
    await stream.drained();
    if (stream.closed.aborted) return;
    stream.send(RESYNC);
    this.listeners.add(stream);
  }

  private beat(): void {
    for (const stream of this.streams) stream.beat();
    for (const { feed } of this.feeds.values()) void feed.beat();
  }

  /** Ends every stream; readers reconnect by themselves and continue where they stopped. */
  disconnect(): void {
    for (const stream of this.streams) stream.close();
  }

  private close(): void {
    this.disconnect();
    for (const { feed } of this.feeds.values()) feed.stop();
  }
}

const RESYNC = frame('resync', {});
