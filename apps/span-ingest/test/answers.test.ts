import {
  HeroError,
  type Params,
  playEvents,
  playLogs,
  playSpansMethod,
  spanPush,
  spansDelete,
  spansReached,
  telemetry,
  TELEMETRY_OF_MANY,
} from '@hero/contracts';
import { until } from '@hero/testing';
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

const refused = async (asked: Promise<unknown>): Promise<HeroError> => {
  const error = await asked.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof HeroError) return error;
  throw error;
};

let s: TestIngest;
let plays = 0;
const newPlay = () => s.play(`answers-${plays++}`);

beforeAll(async () => {
  s = await testIngest({ instances: 2 });
}, 60_000);
afterAll(async () => {
  await s[Symbol.asyncDispose]();
});

describe('span_push', () => {
  const event = { type: 'log', at: at(), span_id: null, text: 'from outside' };

  it('adds an event of an outside worker to a running play, stamped with its attempt', async () => {
    const play = newPlay();
    play.attempt = 3;
    await play.say(attempt(), started(1, null, 'main'));
    await play.stored();
    expect(await s.bus.ask(spanPush, { play_sid: play.sid, event: { ...started(9, 1, 'outside') } })).toBe(true);
    expect(await play.drawn()).toEqual(['main running@3', '  outside running@3']);
    expect((await play.events()).at(-1)).toMatchObject({ seq: 3, attempt: 3, name: 'outside' });
  });

  it('tells every fault of a malformed event at once', async () => {
    const play = newPlay();
    await play.say(attempt());
    await play.stored();
    const bad = { type: 'span_started', at: 5, span_id: 'zz', parent_id: null, kind: 'x', place: 'p' };
    const error = await refused(s.bus.ask(spanPush, { play_sid: play.sid, event: bad }));
    expect(error.code).toBe('INVALID_PARAMS');
    expect(error.issues?.map(({ path }) => path).sort()).toEqual([
      'event.at',
      'event.kind',
      'event.name',
      'event.span_id',
    ]);
    expect((await refused(s.bus.ask(spanPush, { play_sid: play.sid, event: { type: 'status', at: at() } }))).code).toBe(
      'INVALID_PARAMS',
    );
    expect(await play.events()).toHaveLength(1);
  });

  it('is false after the end, true again after a retry, and NOT_FOUND for a play of which nothing is known', async () => {
    const play = newPlay();
    await play.say(attempt());
    await play.sayAs('r1', status('failed'));
    await play.stored();
    expect(await s.bus.ask(spanPush, { play_sid: play.sid, event })).toBe(false);
    await play.sayAs('r2', status('pending'));
    await play.stored();
    expect(await s.bus.ask(spanPush, { play_sid: play.sid, event })).toBe(true);
    expect((await refused(s.bus.ask(spanPush, { play_sid: 'nobody', event }))).code).toBe('NOT_FOUND');
    const { rows } = await s.db.query("SELECT sid FROM plays WHERE sid = 'nobody'");
    expect(rows).toEqual([]);
  });
});

describe('play_events', () => {
  it('gives pages that join without a gap, also inside a batch', async () => {
    const play = newPlay();
    for (let batch = 0; batch < 4; batch++) await play.say(...[1, 2, 3, 4, 5].map((n) => log(null, `${batch}.${n}`)));
    await play.stored();
    const seqs: number[] = [];
    for (let seq = 0; seq < 20; ) {
      const page = await s.bus.ask(playEvents, { play_sid: play.sid, after_seq: seq, limit: 3 });
      seqs.push(...page.items.map((item) => item.seq));
      seq = page.seq;
    }
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(await s.bus.ask(playEvents, { play_sid: play.sid, after_seq: 20 })).toEqual({ items: [], seq: 20 });
  });

  it('pages by bytes too, so that no answer is too large for the bus', async () => {
    const play = newPlay();
    const text = 'x'.repeat(900_000);
    for (let n = 0; n < 60; n++) await play.say(log(null, text));
    expect((await play.events()).map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  }, 60_000);
});

describe('play_spans', () => {
  it('gives what changed after a number, with the number that it reflects', async () => {
    const play = newPlay();
    await play.say(started(1, null, 'main'), started(2, 1, 'a'), started(3, 1, 'b'), ended(2));
    await play.stored();
    const all = await s.bus.ask(playSpansMethod, { play_sid: play.sid });
    expect(all.seq).toBe(4);
    await play.say(ended(3), log(2, 'late line'));
    await play.stored();
    const changed = await s.bus.ask(playSpansMethod, { play_sid: play.sid, after_seq: all.seq });
    expect(changed.seq).toBe(6);
    expect(changed.spans.map(({ name, parent_id }) => [name, parent_id])).toEqual([
      ['a', id(1)],
      ['b', id(1)],
    ]);
  });

  it('shows at most 200 lines with a span, and play_logs all of the newest attempt', async () => {
    const play = newPlay();
    await play.say(attempt(), started(1, null, 'main'), ...Array.from({ length: 300 }, (_, i) => log(1, `old ${i}`)));
    play.attempt = 2;
    await play.say(attempt(), started(1, null, 'main'), ...Array.from({ length: 250 }, (_, i) => log(1, `new ${i}`)));
    const [root] = await play.spans();
    expect(root?.logs.map(({ text }) => text)).toEqual(Array.from({ length: 200 }, (_, i) => `new ${i}`));
    const { logs } = await s.bus.ask(playLogs, { play_sid: play.sid });
    expect(logs.map(({ text }) => text)).toEqual(Array.from({ length: 250 }, (_, i) => `new ${i}`));
    expect((await s.bus.ask(playLogs, { play_sid: play.sid, limit: 2 })).logs.map(({ text }) => text)).toEqual([
      'new 248',
      'new 249',
    ]);
  });

  it('of a play of which nothing is known is NOT_FOUND', async () => {
    expect((await refused(s.bus.ask(playSpansMethod, { play_sid: 'nobody' }))).code).toBe('NOT_FOUND');
    expect((await refused(s.bus.ask(playEvents, { play_sid: 'nobody' }))).code).toBe('NOT_FOUND');
  });
});

describe('spans_reached', () => {
  /** The executor committed the play’s end and died before it published its last batch. */
  const endedWithoutLastBatch = async (
    endedAt: number,
  ): Promise<{ asked: Params<typeof spansReached>; play: PlayEmitter }> => {
    const play = newPlay();
    const { source, batch } = await play.say(started(1, null, 'main'));
    await play.sayAs('r1', { type: 'status', at: new Date(endedAt).toISOString(), status: 'success' });
    await play.stored();
    return { play, asked: { play_sid: play.sid, mark: { source, batch: batch + 1 }, within_ms: 5_000 } };
  };

  it('says at once that the last batch of a play that ended a while ago never comes', async () => {
    const { asked } = await endedWithoutLastBatch(Date.now() - 60_000);
    // Whoever waited for it would wait longer than this.
    const answer = s.bus.ask(spansReached, asked, { timeoutMs: 3_000 });
    expect(await answer).toEqual({ reached: false });
  });

  it('waits for the last batch of a play that has just ended, and for one that lies in the stream', async () => {
    const fresh = await endedWithoutLastBatch(Date.now());
    const freshAnswer = s.bus.ask(spansReached, fresh.asked);
    await fresh.play.say(ended(1));
    expect(await freshAnswer).toEqual({ reached: true });
    const old = await endedWithoutLastBatch(Date.now() - 60_000);
    const client = await s.db.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM plays WHERE sid = $1 FOR UPDATE', [old.play.sid]);
    await old.play.say(ended(1));
    const oldAnswer = s.bus.ask(spansReached, old.asked);
    await s.bus.flush();
    await client.query('COMMIT');
    client.release();
    expect(await oldAnswer).toEqual({ reached: true });
  });

  it('waits for one in a message of several plays, unless that was published long after the end', async () => {
    const heldBack = async (play: PlayEmitter, publish: () => Promise<unknown>): Promise<() => Promise<void>> => {
      const client = await s.db.connect();
      await client.query('BEGIN');
      await client.query('SELECT FROM plays WHERE sid = $1 FOR UPDATE', [play.sid]);
      await publish();
      return async () => {
        await client.query('COMMIT');
        client.release();
      };
    };
    // Some seconds before nothing more can come: within them its last batch is published, together with others.
    const endedAt = Date.now() - 7_000;
    const { play, asked } = await endedWithoutLastBatch(endedAt);
    const long = await endedWithoutLastBatch(Date.now() - 60_000);
    const last = { play_sid: play.sid, attempt: 1, ...asked.mark, events: [ended(1)] };
    const letGo = await heldBack(play, () =>
      s.bus.js.publish(telemetry(TELEMETRY_OF_MANY), `${JSON.stringify(last)}\n`),
    );
    expect(await s.bus.ask(spansReached, long.asked, { timeoutMs: 3_000 })).toEqual({ reached: false });
    await until(async () => Date.now() > endedAt + 10_000);
    const answer = s.bus.ask(spansReached, asked);
    await s.bus.flush();
    await letGo();
    expect(await answer).toEqual({ reached: true });
  });

  it('answers as soon as the batch is stored, whichever instance stores it', async () => {
    const play = newPlay();
    const asked = Array.from({ length: 6 }, () =>
      s.bus.ask(spansReached, { play_sid: play.sid, mark: { source: 'x1', batch: 2 }, within_ms: 5_000 }),
    );
    await play.say(attempt());
    const since = performance.now();
    await play.say(log(null, 'last'));
    expect(await Promise.all(asked)).toEqual(asked.map(() => ({ reached: true })));
    expect(performance.now() - since).toBeLessThan(4_000);
  });

  it('waits for the batches before it too, gives up at its limit, and knows the mark of nothing', async () => {
    const play = newPlay();
    await play.publish({ source: 'x1', batch: 2, events: [log(null, 'second')] });
    const mark = { source: 'x1', batch: 2 };
    expect(await s.bus.ask(spansReached, { play_sid: play.sid, mark, within_ms: 300 })).toEqual({ reached: false });
    await play.say(log(null, 'first'));
    expect(await s.bus.ask(spansReached, { play_sid: play.sid, mark, within_ms: 5_000 })).toEqual({ reached: true });
    expect(await s.bus.ask(spansReached, { play_sid: play.sid, mark: { source: 'x9', batch: 0 } })).toEqual({
      reached: true,
    });
  });
});

it('a deleted play leaves nothing, and what comes late is not stored again', async () => {
  const [play, other] = [newPlay(), newPlay()];
  for (const one of [play, other]) await one.say(attempt(), started(1, null, 'main'), log(1, 'secret'));
  await Promise.all([play.stored(), other.stored()]);
  expect(await s.bus.ask(spansDelete, { play_sids: [play.sid, 'never-there'] })).toEqual({ ok: true });
  await play.publish({ source: 'x1', batch: 2, events: [log(null, 'late')] });
  await other.say(log(null, 'goes on'));
  expect(await other.events()).toHaveLength(4);
  expect((await refused(s.bus.ask(playEvents, { play_sid: play.sid }))).code).toBe('NOT_FOUND');
  for (const table of ['spans', 'logs', 'batches']) {
    const { rows } = await s.db.query(`SELECT FROM ${table} WHERE play_sid = $1`, [play.sid]);
    expect(rows).toEqual([]);
  }
});
