import { EventEmitter, once } from 'node:events';
import { connectBus, consumePull, ensureConsumer, ensureStream, publishJson } from '@hero/bus';
import { HeroError } from '@hero/contracts';
import { testNats, until } from '@hero/testing';
import { headers } from '@nats-io/transport-node';
import { openDoor } from './door.js';
import { echo } from './methods.js';

const LONG = `hero.play.${'a'.repeat(5_000)}.spans`;
const REFUSED: [string, string][] = [
  ['too long', LONG],
  ['with a space', 'hero.play.a b.spans'],
  ['with a line break', 'hero.play.a\r\nPUB b 0\r\n.spans'],
  ['with letters beyond ASCII', 'hero.play.été.spans'],
  ['with a NUL', 'hero.play.\0.spans'],
  ['with an empty part', 'hero.play..spans'],
  ['that is empty', ''],
];
const refusal = expect.objectContaining({
  code: 'INVALID_PARAMS',
  message: expect.stringContaining('is not a subject of the bus'),
});

/** What a call ends with, thrown or rejected. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('it was not refused');
}

describe.each(REFUSED)('a subject %s', (_, subject) => {
  it('is refused wherever it is named, and the connection goes on', async () => {
    await using nats = await testNats();
    await using _door = await openDoor(nats.url);
    await using bus = await connectBus({ url: nats.url, name: 'asker' });
    const before = bus.nc.info?.client_id;
    const stream = { name: 'S', subjects: ['s.*'] };
    await ensureStream(bus.jsm, stream);
    const calls: [string, () => unknown][] = [
      ['ask', () => bus.ask(echo, { text: 'a' }, { subject })],
      ['announce', () => bus.announce(subject, {})],
      ['follow', () => bus.follow(subject, () => undefined)],
      ['gather', () => bus.gather(subject)],
      ['publish', () => bus.nc.publish(subject)],
      ['reply to', () => bus.nc.publish('a', undefined, { reply: subject })],
      ['subscribe', () => bus.nc.subscribe(subject)],
      ['request', () => bus.nc.request(subject)],
      ['request of many', () => bus.nc.requestMany(subject)],
      ['publish into a stream', () => publishJson(bus.js, subject, {})],
      ['stream', () => ensureStream(bus.jsm, { name: 'T', subjects: [subject] })],
      ['filters', () => ensureConsumer(bus.jsm, 'S', { durable_name: 'c', filter_subjects: [subject] })],
    ];
    // An empty filter is no filter.
    if (subject !== '') {
      calls.push(['filter', () => ensureConsumer(bus.jsm, 'S', { durable_name: 'c', filter_subject: subject })]);
    }
    for (const [name, call] of calls) expect([name, await errorOf(call)]).toEqual([name, refusal]);
    expect(await bus.ask(echo, { text: 'b' })).toMatchObject({ text: 'b' });
    expect(bus.nc.info?.client_id).toBe(before);
  });
});

it('what may be listened on holds wildcards, what is sent to does not', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'follower' });
  const seen: string[] = [];
  for (const pattern of ['hero.*.c', 'hero.>', '>']) await bus.follow(pattern, (_, subject) => seen.push(subject));
  bus.announce('hero.b.c', {});
  await until(async () => seen.length >= 3);
  expect(new Set(seen)).toEqual(new Set(['hero.b.c']));
  for (const pattern of ['hero.a*', 'hero.>.c', '*>']) {
    expect(await errorOf(() => bus.follow(pattern, () => undefined))).toBeInstanceOf(HeroError);
  }
  for (const pattern of ['hero.*', 'hero.>']) expect(await errorOf(() => bus.announce(pattern, {}))).toEqual(refusal);
});

it('a large body that claims to wait on such a subject is refused, and others are answered', async () => {
  await using nats = await testNats();
  await using _door = await openDoor(nats.url);
  await using bus = await connectBus({ url: nats.url, name: 'asker' });
  const stub = headers();
  for (const [key, value] of [
    ['hero-pages', '1'],
    ['hero-bytes', '9'],
    ['hero-from', 'a'.repeat(3_000)],
  ] as const) {
    stub.set(key, value);
  }
  const reply = await bus.nc.request('hero.registry.echo', undefined, { headers: stub, timeout: 2_000 });
  expect(reply.json()).toMatchObject({ code: 'INVALID_PARAMS' });
  expect(await bus.ask(echo, { text: 'b' })).toMatchObject({ text: 'b' });
});

it('a pull from a stream whose name cannot be a subject fails by itself alone', async () => {
  await using nats = await testNats();
  await using _door = await openDoor(nats.url);
  await using bus = await connectBus({ url: nats.url, name: 'asker' });
  const events = new EventEmitter();
  const failed = once(events, 'failed');
  const pull = consumePull(bus, {
    stream: { name: 'S'.repeat(5_000) },
    consumer: { durable_name: 'c' },
    max: () => 1,
    onMessages: () => undefined,
    onEvent: (event) => events.emit(event.type, event),
  });
  expect(await failed).toEqual([{ type: 'failed', error: refusal }]);
  expect(await bus.ask(echo, { text: 'b' })).toMatchObject({ text: 'b' });
  await pull.stop();
});
