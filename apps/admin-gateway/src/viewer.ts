/**
 * One viewer of one play: a snapshot (or the events after its `Last-Event-ID`), then each event once, then the end.
 *
 * 1. A large snapshot is sent as `page` messages before the `snapshot` that completes it. Only the `snapshot` has a number, because
 *    a viewer cannot continue from pages alone: if the connection is lost in between, the viewer starts again.
 * 2. A viewer gets the next page when it has read the one before. A viewer that is too slow for events gets a fresh snapshot
 *    as `resync`, so that its buffer does not grow.
 */
import { isFinal, type Play } from '@hero/contracts';
import type { EventRun } from './event-run.js';
import type { Methods } from './methods.js';
import type { FeedViewer, PlayFeed } from './play-feed.js';
import { FIRST_SPANS, type SpanPage } from './play-pages.js';
import { type EventStream, frame } from './sse.js';

type Outcome = 'lagging' | 'over';

export interface ViewerOptions {
  methods: Methods;
  feed: PlayFeed;
  playSid: string;
  stream: EventStream;
  /** Continue after this number; undefined: start with a snapshot. */
  after?: number;
}

export class Viewer implements FeedViewer {
  private position = 0;
  private leave?: (outcome: Outcome) => void;

  constructor(private readonly options: ViewerOptions) {}

  /** Serves the viewer until the end of the play, of the stream, or of the gateway. `play`: as it was when the request arrived. */
  async run(play: Play): Promise<void> {
    const { after, feed, stream } = this.options;
    // A Last-Event-ID that the stored history does not contain is refused: the viewer gets a snapshot.
    const known = after !== undefined && (after === 0 || (await feed.pages.has(after)));
    let outcome = known ? await this.goOn(play, after) : await this.look('snapshot', play);
    while (outcome === 'lagging' && !stream.closed.aborted) {
      await stream.drained();
      outcome = await this.look('resync', play);
    }
  }

  take(run: EventRun): void {
    const { stream } = this.options;
    const fresh = run.after(this.position);
    if (fresh.last === undefined) return;
    this.position = fresh.last;
    stream.send(fresh.bytes);
    if (stream.full) this.leave?.('lagging');
  }

  finish(play: Play, seq: number): void {
    if (this.position < seq) return;
    this.end(play);
    this.leave?.('over');
  }

  vanish(): void {
    this.options.stream.close();
  }

  private end(play: Play): void {
    const { stream } = this.options;
    stream.send(frame('end', { play }));
    stream.close();
  }

  /** Sends the tree as it is now, then the later events. */
  private async look(event: 'snapshot' | 'resync', found: Play): Promise<Outcome> {
    const { feed, methods, playSid, stream } = this.options;
    if (isFinal(found.status)) await methods.reach(playSid, stream.closed);
    let page = await feed.pages.spans(FIRST_SPANS);
    while (page.next && !stream.closed.aborted) {
      stream.send('event: page\ndata: {"spans":', page.bytes, '}\n\n');
      await stream.drained();
      page = await feed.pages.spans(page.next);
    }
    if (stream.closed.aborted) return 'over';
    // Read after the spans, so that a change in between is seen twice rather than missed.
    const { play, bytes } = await feed.pages.play();
    stream.send(`id: ${page.seq}\nevent: ${event}\ndata: {"play":`, bytes, ',"spans":', page.bytes, lastOf(page));
    await stream.drained();
    return this.goOn(play, page.seq);
  }

  /** Sends the events after a number: first those in the store, at the viewer's own pace, then new ones as they arrive. */
  private async goOn(play: Play, after: number): Promise<Outcome> {
    const { feed, methods, playSid, stream } = this.options;
    this.position = after;
    const final = isFinal(play.status);
    if (final) await methods.reach(playSid, stream.closed);
    while ((await this.readPage()) > 0);
    if (stream.closed.aborted) return 'over';
    if (final) {
      this.end(play);
      return 'over';
    }
    feed.begin(this.position);
    return this.live();
  }

  /** Catches up with the feed, then receives its events. There is no await between reading the tail and joining, so none is missed. */
  private async live(): Promise<Outcome> {
    const { feed, stream } = this.options;
    for (let missed = feed.since(this.position); ; missed = feed.since(this.position)) {
      if (stream.closed.aborted) return 'over';
      if (missed) {
        for (const run of missed) this.take(run);
        break;
      }
      await this.readPage();
    }
    if (stream.full) return 'lagging';
    if (feed.ended) {
      this.finish(feed.ended.play, feed.ended.seq);
      if (stream.closed.aborted) return 'over';
    }
    return new Promise((resolve) => {
      const over = (): void => done('over');
      const done = (outcome: Outcome): void => {
        this.leave = undefined;
        feed.viewers.delete(this);
        stream.closed.removeEventListener('abort', over);
        resolve(outcome);
      };
      this.leave = done;
      feed.viewers.add(this);
      stream.closed.addEventListener('abort', over, { once: true });
    });
  }

  /** Sends one page of the stored history at the viewer's own pace; returns its number of events. */
  private async readPage(): Promise<number> {
    const { feed, stream } = this.options;
    const run = await feed.pages.events(this.position);
    this.take(run);
    await stream.drained();
    return stream.closed.aborted ? 0 : run.length;
  }
}

const lastOf = ({ seq, state }: SpanPage): string => `,"seq":${seq},"state":${JSON.stringify(state)}}\n\n`;
