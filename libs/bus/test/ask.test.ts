import { type Bus, connectBus, type Log } from '@hero/bus';
import { contract, HeroError } from '@hero/contracts';
import { testNats, type TestServer } from '@hero/testing';
import { z } from 'zod';
import { openDoor } from './door.js';
import { echo, fail, wait } from './methods.js';

// The subjects are the real ones: on a shared server another suite's door would answer.
let nats: TestServer;
beforeAll(async () => {
  nats = await testNats();
});
afterAll(async () => {
  await nats[Symbol.asyncDispose]();
});

const connected = async (options: { waitSliceMs?: number } = {}): Promise<Bus> =>
  connectBus({ url: nats.url, name: 'asker', ...options });

const failure = async (asked: Promise<unknown>): Promise<HeroError> => {
  const error = await asked.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof HeroError) return error;
  throw error;
};

/** A log that a test can read. */
function kept(): Log & { lines: { fields: Record<string, unknown>; message: string }[] } {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const keep = (fields: object, message: string): void => void lines.push({ fields: { ...fields }, message });
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}

describe('a question', () => {
  it('is answered with its result, defaults filled in, and tells who asked', async () => {
    const natsUrl = nats.url;
    await using _door = await openDoor(natsUrl);
    await using bus = await connected();
    expect(await bus.ask(echo, { text: 'hé' })).toEqual({ text: 'hé', by: 'door', caller: 'asker' });
    expect(await bus.askRaw(echo, { text: 'a', times: 3 })).toMatchObject({ text: 'aaa' });
  });

  it('with several faults is refused once, with all of them', async () => {
    await using _door = await openDoor(nats.url);
    await using bus = await connected();
    const error = await failure(bus.askRaw(echo, { text: 1, times: 0, extra: true }));
    expect(error.code).toBe('INVALID_PARAMS');
    expect(error.issues?.map((issue) => issue.path)).toEqual(['text', 'times', '']);
    expect((await failure(bus.askRaw(wait, { timeout_ms: 'x' }))).code).toBe('INVALID_PARAMS');
  });

  it('that is not JSON is refused, and the service goes on', async () => {
    await using _door = await openDoor(nats.url);
    await using bus = await connected();
    const reply = await bus.nc.request('hero.registry.echo', '{"text":', { timeout: 1_000 });
    expect(reply.headers?.get('hero-error')).toBe('INVALID_PARAMS');
    expect(await bus.ask(echo, { text: 'on' })).toMatchObject({ text: 'on' });
  });

  it('carries a HeroError back with code, details and retry', async () => {
    await using _door = await openDoor(nats.url);
    await using bus = await connected();
    const error = await failure(bus.ask(fail, { how: 'conflict' }));
    expect(error.toData()).toEqual({
      code: 'CONFLICT',
      message: 'Choose another name.',
      retry: false,
      details: { taken: 'a' },
    });
  });

  it('hides the text of an unknown error, which the log keeps under the same fault_id', async () => {
    const log = kept();
    await using _door = await openDoor(nats.url, { log });
    await using bus = await connected();
    const error = await failure(bus.ask(fail, { how: 'unknown' }));
    expect(error.code).toBe('INTERNAL');
    expect(JSON.stringify(error.toData())).not.toContain('hunter2');
    const line = log.lines.find(({ message }) => message === 'call failed');
    expect(line?.fields).toMatchObject({ method: 'fail', fault_id: error.details?.fault_id });
    expect(String(line?.fields.err)).toContain('hunter2');
  });

  it('to a service whose database is away is UNAVAILABLE and may be asked again', async () => {
    await using _door = await openDoor(nats.url);
    await using bus = await connected();
    const error = await failure(bus.ask(fail, { how: 'away' }));
    expect([error.code, error.retry]).toEqual(['UNAVAILABLE', true]);
  });

  it('whose reply breaks the contract fails in tests', async () => {
    const log = kept();
    await using _door = await openDoor(nats.url, { log });
    await using bus = await connected();
    expect((await failure(bus.ask(fail, { how: 'wrong reply' }))).code).toBe('INTERNAL');
    expect(String(log.lines[0]?.fields.err)).toContain('"path":"ok"');
  });

  it('that is larger than its contract allows is not sent, and not taken', async () => {
    await using _door = await openDoor(nats.url);
    await using bus = await connected();
    const small = { ...echo, maxBytes: 100 };
    expect((await failure(bus.ask(small, { text: 'x'.repeat(100) }))).code).toBe('PAYLOAD_TOO_LARGE');
    const claimedTooMuch = { ...echo, maxBytes: 2 * echo.maxBytes };
    const error = await failure(bus.ask(claimedTooMuch, { text: 'x'.repeat(echo.maxBytes) }));
    expect(error.code).toBe('PAYLOAD_TOO_LARGE');
    expect(bus.parcels.heldBytes).toBe(0);
  });

  it('can be put to one instance', async () => {
    const natsUrl = nats.url;
    await using _one = await openDoor(natsUrl, { name: 'one', instance: 'one' });
    await using _two = await openDoor(natsUrl, { name: 'two', instance: 'two' });
    await using bus = await connected();
    for (const subject of ['hero.registry.echo.one', 'hero.registry.echo.two']) {
      const { by } = await bus.ask(echo, { text: 'x' }, { subject });
      expect(subject.endsWith(by)).toBe(true);
    }
  });

  it('reaches exactly one of several instances', async () => {
    const natsUrl = nats.url;
    await using one = await openDoor(natsUrl, { name: 'one' });
    await using two = await openDoor(natsUrl, { name: 'two', state: one.state });
    await using bus = await connected();
    const answers = await Promise.all(Array.from({ length: 200 }, () => bus.ask(echo, { text: 'x' })));
    expect(new Set(answers.map(({ by }) => by))).toEqual(new Set(['one', 'two']));
    expect(two.server.inFlight).toBe(0);
  });
});

describe('a question that nobody answers', () => {
  const nobody = contract({
    name: 'nobody_answers',
    service: 'library-search',
    summary: 'For tests.',
    params: z.strictObject({}),
    result: z.null(),
  });

  it('is UNAVAILABLE at once when it may not be repeated', async () => {
    await using bus = await connected();
    const error = await failure(bus.ask(nobody, {}, { retryUnavailable: false }));
    expect([error.code, error.retry]).toEqual(['UNAVAILABLE', true]);
  });

  it('is answered by a service that comes up within its time', async () => {
    await using bus = await connected();
    const asked = bus.ask(echo, { text: 'early' });
    await using _door = await openDoor(nats.url);
    expect(await asked).toMatchObject({ text: 'early' });
  });

  it('that somebody took is TIMEOUT after its limit', async () => {
    await using bus = await connected();
    await using deaf = await connected();
    deaf.nc.subscribe('hero.library-search.nobody_answers', { callback: () => undefined });
    await deaf.flush();
    const error = await failure(bus.ask(nobody, {}, { timeoutMs: 50 }));
    expect([error.code, error.retry]).toEqual(['TIMEOUT', true]);
  });

  it('ends when its asker aborts', async () => {
    await using bus = await connected();
    const controller = new AbortController();
    const asked = bus.ask(nobody, {}, { signal: controller.signal });
    controller.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
  });
});

describe('a contract that waits', () => {
  it('is asked in slices until it is done', async () => {
    await using door = await openDoor(nats.url);
    await using bus = await connected({ waitSliceMs: 30 });
    const asked = bus.ask(wait, {});
    door.state.on('slice', () => door.state.slices === 4 && door.state.turnGreen());
    expect(await asked).toEqual({ light: 'green', slices: 4 });
  });

  it('answers what there is at the limit of its caller', async () => {
    await using _door = await openDoor(nats.url);
    await using bus = await connected({ waitSliceMs: 30 });
    expect(await bus.ask(wait, { timeout_ms: 100 })).toMatchObject({ light: 'red' });
  });
});

describe('announcements', () => {
  it('reach those who follow, by wildcard, until they stop', async () => {
    await using bus = await connected();
    await using other = await connected();
    const seen: unknown[] = [];
    const { promise, resolve } = withResolvers();
    const following = await bus.follow('hero.events.test.*', (data, subject) => {
      seen.push([subject, data]);
      if (seen.length === 2) resolve();
    });
    other.announce('hero.events.test.a', { n: 1 });
    other.nc.publish('hero.events.test.broken', 'no json');
    other.announce('hero.events.test.b', { n: 2 });
    await promise;
    expect(seen).toEqual([
      ['hero.events.test.a', { n: 1 }],
      ['hero.events.test.b', { n: 2 }],
    ]);
    await following.stop();
    other.announce('hero.events.test.c', { n: 3 });
    await Promise.all([other.flush(), bus.flush()]);
    expect(seen).toHaveLength(2);
  });

  it('gather answers of all who listen, and of nobody', async () => {
    await using bus = await connected();
    await using other = await connected();
    for (const who of [bus, other])
      who.nc.subscribe('hero.test.who', { callback: (_, m) => void m.respond('{"a":1}') });
    await Promise.all([bus.flush(), other.flush()]);
    expect(await bus.gather('hero.test.who')).toEqual([{ a: 1 }, { a: 1 }]);
    expect(await bus.gather('hero.test.nobody')).toEqual([]);
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
