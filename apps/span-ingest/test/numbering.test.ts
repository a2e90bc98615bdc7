import { type NumberedBatch, type PlayEvent, spansReached, TELEMETRY_OF_MANY, telemetry } from '@hero/contracts';
import { at, attempt, build, ended, id, log, type PlayEmitter, started, testIngest } from './ingest-service.js';

const textsOf = (events: PlayEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'log' ? [event.text] : []));

/** No gap, no double: the numbers are 1, 2, 3 … */
async function expectNumbered(play: PlayEmitter, events: number): Promise<PlayEvent[]> {
  const all = await play.events();
  expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: events }, (_, i) => i + 1));
  return all;
}

describe('numbers', () => {
  it('have no gap and no double with two instances, many plays and every batch sent twice', async () => {
    await using s = await testIngest({ instances: 2 });
    const plays = Array.from({ length: 12 }, (_, i) => s.play(`two-${i}`));
    await Promise.all(
      plays.map(async (play) => {
        for (let batch = 1; batch <= 20; batch++) {
          const events = Array.from({ length: 10 }, (_, i) => log(null, `${batch}.${i}`));
          await play.sayAs('x1', ...events);
          await play.publish({ source: 'x1', batch, events });
        }
      }),
    );
    for (const play of plays) {
      const texts = textsOf(await expectNumbered(play, 200));
      expect(new Set(texts).size).toBe(200);
    }
    const { rows } = await s.db.query('SELECT count(*)::int AS batches FROM batches');
    expect(rows).toEqual([{ batches: 12 * 20 }]);
  });

  it('are told live once they are committed, each message whole and below the limit of NATS', async () => {
    await using s = await testIngest();
    const play = s.play('live');
    const told: NumberedBatch[] = [];
    await play.follow((batch) => told.push(batch));
    const big = 'x'.repeat(300_000);
    await play.say(attempt(), log(null, big), log(null, big), log(null, big));
    await play.say(started(1, null, 'main'), ended(1, 'success', { output: 'y'.repeat(1_000_000 - 2_000) }));
    const stored = await expectNumbered(play, 6);
    expect(stored[5]).toMatchObject({ output: expect.stringMatching(/^y{998000}$/) });
    await s.bus.flush();
    const live = told.flatMap(({ events }) => events);
    expect(live.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(live[5]).toEqual({ ...stored[5], output: undefined, output_omitted: true });
    expect(told.length).toBeGreaterThan(1);
  });
});

describe('a process that dies', () => {
  beforeAll(build, 120_000);

  it.each([
    'ingest.commit.before',
    'ingest.commit.after',
    'ingest.publish.after',
    'ingest.ack.before',
    'ingest.ack.after',
  ])('at %s loses nothing, stores nothing twice, and what it did not tell is told', async (failpoint) => {
    await using s = await testIngest({ instances: 0 });
    const play = s.play('killed');
    const beside = s.play('beside');
    const told = new Set<number>();
    await play.follow((batch) => {
      for (const event of batch.events) told.add(event.seq);
    });
    const dying = await s.process(`${failpoint}=kill@2`);
    await play.say(log(null, 'one'), log(null, 'two'));
    await play.stored();
    await s.sayTogether([play, log(null, 'three'), log(null, 'four')], [beside, log(null, 'mine')]);
    expect(await dying.ended).toEqual([null, 'SIGKILL']);
    await s.redeliver();
    await s.start();
    await play.say(log(null, 'five'));
    expect(textsOf(await expectNumbered(beside, 1))).toEqual(['mine']);
    expect(textsOf(await expectNumbered(play, 5))).toEqual(['one', 'two', 'three', 'four', 'five']);
    await s.bus.flush();
    expect([...told].sort()).toEqual([1, 2, 3, 4, 5]);
  });
});

it('a backlog is stored in the order of each play, and the poison in it is dropped', async () => {
  await using s = await testIngest();
  await s.services[0]?.stop();
  await s.db.query("ALTER TABLE spans ADD CHECK (name <> 'poison')");
  const plays = Array.from({ length: 8 }, (_, i) => s.play(`backlog-${i}`));
  await Promise.all(plays.map((play) => play.say(started(1, null, 'main'), started(2, 1, 'poison'))));
  await Promise.all(
    plays.map(async (play) => {
      for (let n = 1; n < 100; n++) await play.say(...[1, 2, 3].map((m) => log(1, `${n}.${m}`)));
    }),
  );
  await s.start();
  const expected = Array.from({ length: 99 }, (_, i) => [1, 2, 3].map((n) => `${i + 1}.${n}`)).flat();
  for (const play of plays) expect(textsOf(await expectNumbered(play, 299))).toEqual(expected);
}, 60_000);

describe('what many plays say at the same time', () => {
  it('is stored in few transactions', async () => {
    await using s = await testIngest();
    await s.services[0]?.stop();
    const plays = Array.from({ length: 40 }, (_, i) => s.play(`together-${i}`));
    await Promise.all(plays.map((play) => play.say(started(1, null, 'main'))));
    await s.start();
    for (const play of plays) await play.stored();
    const { rows } = await s.db.query<{ commits: number }>(
      'SELECT count(DISTINCT xmin::text)::integer AS commits FROM batches',
    );
    expect(rows[0]?.commits).toBeLessThanOrEqual(5);
  });

  it('may come in one message; each play has its own numbers, and a redelivery changes nothing', async () => {
    await using s = await testIngest();
    const plays = ['m1', 'm2', 'm3'].map((sid) => s.play(sid));
    const line = (play: PlayEmitter, number: number): string =>
      JSON.stringify({
        play_sid: play.sid,
        attempt: 1,
        source: 'x1',
        batch: number,
        events: [log(null, `${number}\n`), log(null, 'ü')],
      });
    const lines = plays.map((play) => line(play, 1));
    const message = [...lines, 'no batch at all', ...plays.map((play) => line(play, 2))].join('\n');
    for (let times = 0; times < 2; times++) await s.bus.js.publish(telemetry(TELEMETRY_OF_MANY), message);
    for (const play of plays) {
      await play.publish({ source: 'x1', batch: 3, events: [log(null, 'alone')] });
      const mark = { source: 'x1', batch: 3 };
      expect(await s.bus.ask(spansReached, { play_sid: play.sid, mark, within_ms: 5_000 })).toEqual({ reached: true });
      expect(textsOf(await expectNumbered(play, 5))).toEqual(['1\n', 'ü', '2\n', 'ü', 'alone']);
    }
  });
});

describe('lines of one message that cannot be read', () => {
  it('are each counted in the history of their play, once', async () => {
    await using s = await testIngest();
    const play = s.play('unreadable-lines');
    const line = (attempt: unknown): string => JSON.stringify({ play_sid: play.sid, attempt, source: 'x1', batch: 1 });
    const message = [line('one'), line('two')].join('\n');
    for (let times = 0; times < 2; times++) await s.bus.js.publish(telemetry(TELEMETRY_OF_MANY), message);
    await s.redeliver();
    await play.say(log(null, 'good'));
    const events = await expectNumbered(play, 5);
    expect(events.map(({ type }) => type)).toEqual(['dropped', 'dropped', 'dropped', 'dropped', 'log']);
  });
});

it('a play that starts a span of its first attempt again and again has one group stored again, not each', async () => {
  await using s = await testIngest();
  const play = s.play('restarting');
  await play.say(started(1, null, 'main'));
  await play.stored();
  // A sequence also counts what is rolled back.
  await s.db.query(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION count_try() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM nextval(''spans.tries''); RETURN NEW; END';
    CREATE TRIGGER count_try BEFORE INSERT ON spans FOR EACH ROW EXECUTE FUNCTION count_try();`);
  for (let times = 0; times < 5; times++) {
    await play.say(started(1, null, 'main'));
    await play.stored();
  }
  await expectNumbered(play, 6);
  const { rows } = await s.db.query<{ tries: string }>('SELECT last_value AS tries FROM tries');
  expect(rows).toEqual([{ tries: '1' }]);
});

describe('a poisoned event', () => {
  it('is dropped and counted in its place; its batch, its play and others go on', async () => {
    await using s = await testIngest();
    await s.db.query("ALTER TABLE spans ADD CHECK (name <> 'poison')");
    const [guilty, other] = [s.play('guilty'), s.play('other')];
    await Promise.all([
      guilty.say(
        started(1, null, 'main'),
        started(2, 1, 'a'),
        started(3, 1, 'poison'),
        started(4, 1, 'b'),
        log(1, 'after'),
      ),
      other.say(started(1, null, 'main')),
      guilty.say(ended(4)),
    ]);
    expect(await guilty.drawn()).toEqual(['main running@1', '  a running@1', '  b success@1']);
    expect(await other.drawn()).toEqual(['main running@1']);
    const events = await expectNumbered(guilty, 6);
    expect(events[2]).toMatchObject({ type: 'dropped', count: 1, reason: expect.stringContaining('refused') });
  });

  it('that is malformed is dropped and counted', async () => {
    await using s = await testIngest();
    const play = s.play('malformed');
    const bad = [
      { type: 'nonsense', at: at() },
      null,
      7,
      { type: 'log', at: at(), span_id: null, text: 3 },
      { type: 'span_ended' },
    ];
    await play.sayAs('x1', started(1, null, 'main'), ...bad, log(1, 'good'));
    const events = await expectNumbered(play, 7);
    expect(events.map(({ type }) => type)).toEqual(['span_started', ...bad.map(() => 'dropped'), 'log']);
  });

  it('with NUL, lone surrogates or 10,000 levels in it harms no other', async () => {
    await using s = await testIngest();
    const play = s.play('unfit');
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    const text = JSON.stringify([
      started(1, null, 'na\u0000me', { 'k\u0000': 'v\u0000', lone: '\ud800!', pair: '😀' }),
      { ...log(1, 'x'), text: 'nul \u0000 lone \udc00' },
      { type: 'span_tagged', at: at(), span_id: id(1), tags: { deep: 'DEEP' } },
      ended(1, 'success', { output: 'fine\u0000' }),
    ]);
    const head = JSON.stringify({ play_sid: play.sid, attempt: 1, source: 'x0', batch: 1 }).slice(0, -1);
    await play.publishRaw(`${head},"events":${text.replace('"DEEP"', deep)}}`);
    await play.say(log(1, 'after'));
    const events = await expectNumbered(play, 5);
    const [span] = await play.spans();
    expect(span).toMatchObject({ name: 'na\ufffdme', status: 'success', output: 'fine\ufffd' });
    expect(span?.tags).toEqual({ 'k\ufffd': 'v\ufffd', lone: '\ufffd!', pair: '😀' });
    expect(span?.logs.map((line) => line.text)).toEqual(['nul \ufffd lone \ufffd', 'after']);
    expect(events[2]).toMatchObject({ type: 'dropped', count: 1 });
  });

  it('a message that is no batch becomes one dropped event of the play it names', async () => {
    await using s = await testIngest();
    const play = s.play('unreadable');
    await play.publishRaw('{"play_sid":');
    await play.publishRaw(
      JSON.stringify({ play_sid: 'another', attempt: 1, source: 'x1', batch: 1, events: [log(null, 'x')] }),
    );
    await play.say(log(null, 'good'));
    const events = await expectNumbered(play, 3);
    expect(events.map(({ type }) => type)).toEqual(['dropped', 'dropped', 'log']);
  });
});

it('a play that another transaction holds delays no other', async () => {
  await using s = await testIngest();
  const [held, free] = [s.play('held'), s.play('free')];
  await held.say(log(null, 'before'));
  await held.stored();
  const client = await s.db.connect();
  await client.query("BEGIN; SELECT FROM plays WHERE sid = 'held' FOR UPDATE");
  const others = Array.from({ length: 8 }, (_, i) => s.play(`free-${i}`));
  await held.say(log(null, 'waits'));
  for (const play of [free, ...others]) {
    await play.say(log(null, 'goes'));
    await expectNumbered(play, 1);
  }
  await client.query('COMMIT');
  client.release();
  expect(textsOf(await expectNumbered(held, 2))).toEqual(['before', 'waits']);
});

it('plays whose events take long to store delay no other, however many they are', async () => {
  await using s = await testIngest();
  await s.db.query(`
    CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.2); RETURN NEW; END';
    CREATE TRIGGER take_long BEFORE INSERT ON spans FOR EACH ROW WHEN (NEW.name = 'slow') EXECUTE FUNCTION take_long();`);
  const slow = Array.from({ length: 4 }, (_, i) => s.play(`slow-${i}`));
  const sayAll = (n: number): Promise<unknown> => Promise.all(slow.map((play) => play.say(started(n, null, 'slow'))));
  await sayAll(1);
  for (const play of slow) await play.stored();
  // All writers together could be busy with these four.
  await sayAll(2);
  const others = Array.from({ length: 8 }, (_, i) => s.play(`quick-${i}`));
  await Promise.all(others.map((play) => play.say(log(null, 'goes'))));
  for (const play of others) await play.stored();
  const stored = await s.db.query("SELECT FROM batches WHERE play_sid LIKE 'slow-%' AND batch = 2");
  expect(stored.rowCount).toBeLessThan(slow.length);
  for (const play of slow) await expectNumbered(play, 2);
}, 60_000);
