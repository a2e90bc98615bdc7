import type { AnyEvent, Span, SpanCursor } from '@hero/contracts';
import { playSpansMethod, spanPage } from '@hero/contracts';
import { SpanTree } from '@hero/spans';
import {
  at,
  attempt,
  ended,
  id,
  log,
  type PlayEmitter,
  started,
  status,
  type TestIngest,
  testIngest,
} from './ingest-service.js';

let s: TestIngest;
beforeAll(async () => {
  s = await testIngest();
}, 60_000);
afterAll(async () => await s?.[Symbol.asyncDispose]());

const page = (play: PlayEmitter, after: SpanCursor, max_bytes: number, limit = 10_000) =>
  s.bus.ask(spanPage, { play_sid: play.sid, after, limit, max_bytes });

/** All pages, put together as a viewer does; `between` runs after each. */
async function inPages(
  play: PlayEmitter,
  max_bytes: number,
  between?: (n: number) => Promise<void>,
): Promise<Span[][]> {
  const pages: Span[][] = [];
  let after: SpanCursor | null = { seq: 0, first_seq: 0 };
  while (after) {
    const { spans, next } = await page(play, after, max_bytes);
    pages.push(spans);
    await between?.(pages.length);
    after = next;
  }
  return pages;
}
const together = (pages: Span[][]): Span[] =>
  [...new Map(pages.flat().map((span) => [span.id, span])).values()].sort((a, b) => a.first_seq - b.first_seq);
const inOrder = (spans: Span[]): Span[] => [...spans].sort((a, b) => a.first_seq - b.first_seq);

describe('a tree in pages', () => {
  it('is the whole tree, each page within its bytes, also where one event closed all spans', async () => {
    const play = s.play('paged');
    const open = Array.from({ length: 60 }, (_, n) => started(n + 2, 1, `step ${n}`, { text: 'x'.repeat(1_000) }));
    await play.say(attempt(), started(1, null, 'main'), ...open);
    await play.sayAs('r1', status('cancelled'));
    const whole = await play.spans();
    const pages = await inPages(play, 10_000);
    expect(pages.length).toBeGreaterThan(5);
    for (const spans of pages) expect(JSON.stringify(spans).length).toBeLessThan(20_000);
    expect(together(pages)).toEqual(inOrder(whole));
    // A span that is larger than a page is a page.
    expect((await inPages(play, 1)).map((spans) => spans.length)).toEqual(Array(61).fill(1));
  });

  it('that changes while it is read is, after the last page, as it then is', async () => {
    const play = s.play('changing');
    const open = Array.from({ length: 30 }, (_, n) => started(n + 2, 1, `step ${n}`, { text: 'x'.repeat(1_000) }));
    await play.say(attempt(), started(1, null, 'main'), ...open);
    await play.stored();
    const pages = await inPages(play, 10_000, async (n) => {
      await play.say(ended(n + 1), started(100 + n, 1, `new ${n}`));
      await play.stored();
    });
    const last = await page(play, { seq: 0, first_seq: 0 }, 1_000_000);
    const seen = new Map(together(pages).map((span) => [span.id, span]));
    // What changed after the last page was read is not in it: that is what events are for.
    const changed = last.spans.filter((span) => JSON.stringify(seen.get(span.id)) !== JSON.stringify(span));
    expect(changed.map(({ name }) => name).sort()).toEqual([`new ${pages.length}`, `step ${pages.length - 1}`].sort());
  });
});

/** A reproducible random history: attempts, lost starts, late events, replays, pauses, ends and retries. */
function history(seed: number): { attempt: number; events: AnyEvent[] }[] {
  let state = seed;
  const draw = (n: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
  const batches: { attempt: number; events: AnyEvent[] }[] = [];
  let newest = 1;
  for (let n = 0; n < 25; n++) {
    const events: AnyEvent[] = [];
    if (draw(5) === 0) events.push(...(newest++ > 0 ? [attempt()] : []));
    for (let i = draw(4); i >= 0; i--) {
      const span = 1 + draw(6);
      const kinds: (() => AnyEvent)[] = [
        () => started(span, span === 1 ? null : 1 + draw(span - 1), `s${span}`, { n }),
        () => started(span, span === 1 ? null : 1, `s${span}`, { n }),
        () => ended(span, draw(2) === 0 ? 'success' : 'failed', { cost_usd: 0.25, output: [n] }),
        () => ended(span, 'replayed'),
        () => ended(span, 'paused'),
        () => log(span, `line ${n}`),
        () => ({ type: 'span_tagged', at: at(), span_id: id(span), tags: { more: n } }),
        () => ({ type: 'paused', at: at(), resume_ids: [] }),
        () => status(['awaiting_resume', 'failed', 'pending', 'success', 'running'][draw(5)] ?? 'running'),
      ];
      events.push((kinds[draw(kinds.length)] as () => AnyEvent)());
    }
    // Some batches of an attempt arrive after the next one began.
    batches.push({ attempt: Math.max(1, newest - (draw(4) === 0 ? 1 : 0)), events });
  }
  return batches;
}

describe('the same events folded by a viewer and by the store', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'give the same tree, from the beginning and from any snapshot (history %i)',
    async (seed) => {
      const play = s.play(`both-${seed}`);
      const snapshots = [];
      for (const { attempt: number, events } of history(seed)) {
        play.attempt = number;
        await play.say(...events);
        await play.stored();
        snapshots.push(await s.bus.ask(playSpansMethod, { play_sid: play.sid }));
      }
      const events = await play.events();
      const stored = snapshots.at(-1);
      for (const snapshot of [undefined, ...snapshots]) {
        const tree = new SpanTree(play.sid);
        if (snapshot) tree.load(snapshot);
        for (const event of events) tree.apply(event);
        const { spans, ...rest } = tree.snapshot();
        expect({ ...rest, spans: spans.map(withoutParent) }).toEqual({
          ...stored,
          spans: inOrder(stored?.spans ?? []).map(withoutParent),
        });
      }
    },
  );
});

/** A span whose parent is not known is shown below the root by a reload, and as a root by a viewer. */
const withoutParent = (span: Span): object => ({ ...span, parent_id: undefined });
