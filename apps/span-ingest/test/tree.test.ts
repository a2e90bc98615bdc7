import { playSpansMethod } from '@hero/contracts';
import { at, attempt, ended, id, log, started, status, testIngest } from './ingest-service.js';

describe('one tree over all attempts', () => {
  it('keeps a replayed span with its times, its output and its logs, and shows the new run of what ran again', async () => {
    await using s = await testIngest();
    const play = s.play('replay');
    await play.say(
      attempt(),
      started(1, null, 'main', { run: 1 }),
      log(1, 'first run'),
      started(2, 1, 'fetch', { city: 'Ulm' }),
    );
    await play.say(
      log(2, 'fetching'),
      ended(2, 'success', { output: { n: 1 }, cost_usd: 0.5 }),
      started(3, 1, 'write'),
    );
    const [, before] = await play.spans();
    play.attempt = 2;
    await play.say(attempt(), started(1, null, 'main', { again: true }), log(1, 'second run'), ended(2, 'replayed'));
    await play.say(started(3, 1, 'write'), ended(3), ended(1));
    expect(await play.drawn()).toEqual(['main success@2', '  fetch replayed@2', '  write success@2']);
    const [root, fetch] = await play.spans();
    expect(fetch).toEqual({ ...before, status: 'replayed', attempt: 2 });
    expect(fetch).toMatchObject({
      output: { n: 1 },
      cost_usd: 0.5,
      logs: [{ text: 'fetching' }],
      tags: { city: 'Ulm' },
    });
    expect(root).toMatchObject({ tags: { again: true }, logs: [{ text: 'second run' }] });
    const texts = (await play.events()).flatMap((event) => (event.type === 'log' ? [event.text] : []));
    expect(texts).toEqual(['first run', 'fetching', 'second run']);
  });

  it('closes what a dead attempt left open, until it starts again', async () => {
    await using s = await testIngest();
    const play = s.play('takeover');
    await play.say(attempt(), started(1, null, 'main'), started(2, 1, 'step'), started(3, 2, 'inner'));
    play.attempt = 2;
    await play.say(attempt());
    expect(await play.drawn()).toEqual(['main cancelled@1', '  step cancelled@1', '    inner cancelled@1']);
    await play.say(started(1, null, 'main'), started(2, 1, 'step'));
    expect(await play.drawn()).toEqual(['main running@2', '  step running@2', '    inner cancelled@1']);
  });

  it('shows a pause as waiting, and lets the next attempt go on from it', async () => {
    await using s = await testIngest();
    const play = s.play('pause');
    await play.say(attempt(), started(1, null, 'main'), started(2, 1, 'ask'), ended(2, 'paused'));
    await play.say({ type: 'paused', at: at(), resume_ids: ['q1'] });
    await play.sayAs('r1', status('awaiting_resume'));
    expect(await play.drawn()).toEqual(['main paused@1', '  ask paused@1']);
    play.attempt = 2;
    await play.say(attempt(), started(1, null, 'main'), ended(2, 'replayed'));
    expect(await play.drawn()).toEqual(['main running@2', '  ask replayed@2']);
    await play.say(ended(1));
    await play.sayAs('r2', status('success'));
    expect(await play.drawn()).toEqual(['main success@2', '  ask replayed@2']);
  });

  it.each([
    ['success', ['main success@1', '  open cancelled@1', '  asked cancelled@1', '  done success@1']],
    ['failed', ['main failed@1', '  open failed@1', '  asked cancelled@1', '  done success@1']],
    ['timed_out', ['main failed@1', '  open failed@1', '  asked cancelled@1', '  done success@1']],
    ['cancelled', ['main cancelled@1', '  open cancelled@1', '  asked cancelled@1', '  done success@1']],
  ])('closes what is still open when the play ends as %s', async (final, tree) => {
    await using s = await testIngest();
    const play = s.play('final');
    await play.say(
      attempt(),
      started(1, null, 'main'),
      started(2, 1, 'open'),
      started(3, 1, 'asked'),
      started(4, 1, 'done'),
    );
    await play.say(ended(3, 'paused'), ended(4));
    await play.sayAs('r1', status(final));
    expect(await play.drawn()).toEqual(tree);
    for (const span of await play.spans()) expect(span.ended_at).not.toBeNull();
  });

  it('shows a retried play as running again, and a late batch of its first attempt as history only', async () => {
    await using s = await testIngest();
    const play = s.play('retry');
    await play.say(
      attempt(),
      started(1, null, 'main'),
      started(2, 1, 'step'),
      ended(2, 'failed', { error: { type: 'E', message: 'm' } }),
    );
    await play.sayAs('r1', status('failed'));
    await play.sayAs('r2', status('pending'));
    play.attempt = 2;
    await play.say(attempt(), started(1, null, 'main'), started(2, 1, 'step'));
    await play.publish({
      source: 'x1',
      batch: 2,
      attempt: 1,
      events: [started(2, 1, 'step'), ended(2), started(5, 1, 'late')],
    });
    await play.say(ended(2));
    const [, step] = await play.spans();
    expect(await play.drawn()).toEqual(['main running@2', '  step success@2', '  late cancelled@1']);
    expect(step).toMatchObject({ error: null, attempt: 2 });
  });
});

describe('events out of order', () => {
  it('an end waits for its start, and a child for its parent', async () => {
    await using s = await testIngest();
    const play = s.play('order');
    const late = [started(1, null, 'main'), started(2, 1, 'step', { a: 1 })];
    await play.say(ended(2, 'success', { output: 7 }), started(3, 2, 'inner'));
    await play.say(...late);
    expect(await play.drawn()).toEqual(['main running@1', '  step success@1', '    inner running@1']);
    expect((await play.spans())[1]).toMatchObject({ output: 7, tags: { a: 1 } });
  });

  it('a start that comes in a later transaction than its end finds its row, beside starts of new spans', async () => {
    await using s = await testIngest();
    const play = s.play('late-start');
    await play.say(started(1, null, 'main'), ended(2, 'success', { output: 7 }));
    await play.stored();
    await play.say(started(3, 1, 'new'), started(2, 1, 'late'));
    await play.stored();
    expect(await play.drawn()).toEqual(['main running@1', '  late success@1', '  new running@1']);
    expect((await play.events()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it('a span whose start was dropped hangs below the root', async () => {
    await using s = await testIngest();
    const play = s.play('dropped');
    await play.say(started(1, null, 'main'), { type: 'dropped', at: at(), count: 3, reason: 'overload' });
    await play.say(started(4, 99, 'orphan'), ended(5, 'failed'));
    expect(await play.drawn()).toEqual(['main running@1', '  orphan running@1', '  (unknown) failed@1']);
  });
});

describe('large trees', () => {
  it('10,000 levels come parents first', async () => {
    await using s = await testIngest();
    const play = s.play('deep');
    const depth = 10_000;
    // Against the order: each batch begins with the deepest of its spans.
    for (let from = 0; from < depth; from += 1000) {
      await play.say(
        ...Array.from({ length: 1000 }, (_, i) => from + 1000 - i).map((n) =>
          started(n, n === 1 ? null : n - 1, `l${n}`),
        ),
      );
    }
    const seen = new Set<string | null>([null]);
    const spans = await play.spans();
    for (const span of spans) {
      expect(seen.has(span.parent_id)).toBe(true);
      seen.add(span.id);
    }
    expect(spans.length).toBe(depth);
  });

  it('shows 100,000 spans, counts the others, and gives changes in pages without a gap', async () => {
    await using s = await testIngest();
    const play = s.play('many');
    await play.say(started(1, null, 'main'));
    for (let n = 2; n <= 100_501; n += 500) {
      await play.say(...Array.from({ length: 500 }, (_, i) => [started(n + i, 1, 'step'), ended(n + i)]).flat());
    }
    await play.say(ended(1));
    const spans = await play.spans();
    expect(spans.length).toBe(100_000);
    expect(spans[0]).toMatchObject({ id: id(1), status: 'success', tags: { spans_not_shown: 501 } });
    expect(spans.slice(1).every((span) => span.status === 'success')).toBe(true);
    const paged = new Set<string>();
    for (let seq = 0, pages = 0; pages < 20; pages++) {
      const page = await s.bus.ask(playSpansMethod, { play_sid: play.sid, after_seq: seq, limit: 20_000 });
      for (const span of page.spans) paged.add(span.id);
      if (page.spans.length === 0) break;
      seq = page.seq;
    }
    expect(paged.size).toBe(100_000);
  }, 120_000);
});
