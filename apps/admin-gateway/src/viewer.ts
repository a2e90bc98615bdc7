/**
 * One reader of one play: a snapshot (or what came after its `Last-Event-ID`), then each event once, then the end.
 * A reader that is too slow gets a fresh snapshot as `resync` instead of a buffer that grows.
 */
import type { Bus } from '@hero/bus';
import { HeroError, isFinal, type Play, playSpansMethod, playStatus, type Span } from '@hero/contracts';
import { fillOutputs } from './large-outputs.js';
import type { Methods } from './methods.js';
import type { FeedViewer, Frame, PlayFeed } from './play-feed.js';
import { type EventStream, frame } from './sse.js';

type Outcome = 'lagging' | 'over';

export interface ViewerOptions {
  bus: Bus;
  methods: Methods;
  feed: PlayFeed;
  playSid: string;
  stream: EventStream;
  /** Goes on after this number; undefined: from a snapshot. */
  after?: number;
}

export class Viewer implements FeedViewer {
  private position = 0;
  private settle?: (outcome: Outcome) => void;

  constructor(private readonly options: ViewerOptions) {}

  /** Until the end of the play, of the stream, or of the gateway. The play is the one that was found at the door. */
  async run(play: Play): Promise<void> {
    const { after, stream } = this.options;
    let outcome =
      after !== undefined && (await this.isKnown(after)) ? await this.goOn(play, after) : await this.look('snapshot');
    while (outcome === 'lagging' && !stream.closed.aborted) {
      await stream.drained();
      outcome = await this.look('resync');
    }
  }

  /** A number from a history that is no more (or from nowhere) is no place to go on from. */
  private async isKnown(seq: number): Promise<boolean> {
    if (seq === 0) return true;
    const { items } = await this.options.feed.page(seq - 1, 1);
    return items[0]?.seq === seq;
  }

  take(frames: readonly Frame[]): void {
    const { stream } = this.options;
    const fresh = frames.filter(({ seq }) => seq > this.position);
    const last = fresh.at(-1);
    if (!last) return;
    this.position = last.seq;
    stream.send(fresh.map(({ text }) => text).join(''));
    if (stream.full) this.settle?.('lagging');
  }

  finish(play: Play, seq: number): void {
    if (this.position < seq) return;
    this.end(play);
    this.settle?.('over');
  }

  vanish(): void {
    this.options.stream.close();
  }

  private end(play: Play): void {
    const { stream } = this.options;
    stream.send(frame('end', { play }));
    stream.close();
  }

  /** The tree as it is, then what comes after. */
  private async look(event: 'snapshot' | 'resync'): Promise<Outcome> {
    const { bus, feed, methods, playSid, stream } = this.options;
    const play = await feed.persist(() => bus.ask(playStatus, { play_sid: playSid }, feed.limits));
    if (isFinal(play.status)) await methods.reach(playSid, stream.closed);
    const { spans, seq } = await feed.persist(() => this.spans());
    await fillOutputs(bus, playSid, { spans }, stream.closed);
    stream.send(frame(event, { play, spans, seq }, seq));
    await stream.drained();
    return this.goOn(play, seq);
  }

  /** What came after a number: first from the store, at the reader's own pace; then as it comes. */
  private async goOn(play: Play, after: number): Promise<Outcome> {
    const { feed, methods, playSid, stream } = this.options;
    this.position = after;
    const final = isFinal(play.status);
    if (final) await methods.reach(playSid, stream.closed);
    while ((await this.readPage()) > 0);
    if (stream.closed.aborted) return 'over';
    if (final) return this.over(play);
    feed.begin(this.position);
    return this.live();
  }

  private over(play: Play): Outcome {
    this.end(play);
    return 'over';
  }

  private async spans(): Promise<{ spans: Span[]; seq: number }> {
    const { bus, feed, playSid } = this.options;
    try {
      return await bus.ask(playSpansMethod, { play_sid: playSid }, feed.limits);
    } catch (error) {
      // The registry knows the play, the store not yet: it has no events so far.
      if (error instanceof HeroError && error.code === 'NOT_FOUND') return { spans: [], seq: 0 };
      throw error;
    }
  }

  /** Catches up with the feed, and then takes what leaves it. No await between the look at the tail and the start. */
  private async live(): Promise<Outcome> {
    const { feed, stream } = this.options;
    for (let missed = feed.since(this.position); ; missed = feed.since(this.position)) {
      if (stream.closed.aborted) return 'over';
      if (missed) {
        this.take(missed);
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
        this.settle = undefined;
        feed.viewers.delete(this);
        stream.closed.removeEventListener('abort', over);
        resolve(outcome);
      };
      this.settle = done;
      feed.viewers.add(this);
      stream.closed.addEventListener('abort', over, { once: true });
    });
  }

  /** One page of the stored history, at the reader's own pace; how many events it had. */
  private async readPage(): Promise<number> {
    const { feed, stream } = this.options;
    const { items } = await feed.page(this.position);
    this.take(items.map((event) => ({ seq: event.seq, text: frame('event', event, event.seq) })));
    await stream.drained();
    return stream.closed.aborted ? 0 : items.length;
  }
}
