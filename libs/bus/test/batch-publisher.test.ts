import { BatchPublisher, type Bus, connectBus, ensureStream, publishJson, TELEMETRY_SETTINGS } from '@hero/bus';
import { type EventBatch, telemetry, TELEMETRY_OF_MANY } from '@hero/contracts';
import { testNats } from '@hero/testing';

const { stream } = TELEMETRY_SETTINGS;
const at = '2026-01-01T00:00:00.000Z';

function batch(play_sid: string, number: number, text = ''): EventBatch {
  return { play_sid, attempt: 1, source: 'x1', batch: number, events: [{ type: 'log', at, span_id: null, text }] };
}

/** What the stream holds: of each message its subject's last part and the batches in it. */
async function stored(bus: Bus): Promise<[whose: string, batches: string[]][]> {
  const { last_seq } = (await bus.jsm.streams.info(stream.name)).state;
  const messages: [string, string[]][] = [];
  for (let seq = 1; seq <= last_seq; seq++) {
    const message = await bus.jsm.streams.getMessage(stream.name, { seq });
    const lines = (message?.string() ?? '').split('\n').filter(Boolean);
    const batches = lines.map((line) => JSON.parse(line) as EventBatch);
    const whose = message?.subject.slice(telemetry('').length) ?? '';
    messages.push([whose, batches.map((one) => `${one.play_sid}${one.batch}`)]);
  }
  return messages;
}

it('what comes while a message is under way travels together, a large batch alone, each play’s in their order', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'sender' });
  await ensureStream(bus.jsm, stream);
  const batches = new BatchPublisher(bus);
  const large = 'x'.repeat(20_000);
  const first = batches.publish(batch('a', 1));
  // Once it is under way: publishing it is the turn after this one.
  await new Promise<void>((resolve) => setImmediate(resolve));
  await Promise.all([
    first,
    batches.publish(batch('b', 1, 'two\nlines')),
    batches.publish(batch('a', 2)),
    batches.publish(batch('b', 2, large)),
    batches.publish(batch('b', 3)),
    batches.publish(batch('c', 1)),
    batches.publish(batch('d', 1, large)),
  ]);
  expect(await stored(bus)).toEqual([
    ['a', ['a1']],
    // Nothing of its play is before it.
    ['d', ['d1']],
    [TELEMETRY_OF_MANY, ['b1', 'a2']],
    ['b', ['b2']],
    [TELEMETRY_OF_MANY, ['b3', 'c1']],
  ]);
});

it('what the stream refuses together is stored alone', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'sender' });
  await ensureStream(bus.jsm, { ...stream, max_msgs_per_subject: 1 });
  const batches = new BatchPublisher(bus);
  const both = (number: number): Promise<unknown> =>
    Promise.all(['a', 'b'].map((sid) => batches.publish(batch(sid, number))));
  await both(1);
  await both(2);
  expect(await stored(bus)).toEqual([
    [TELEMETRY_OF_MANY, ['a1', 'b1']],
    ['a', ['a2']],
    ['b', ['b2']],
  ]);
  // Now nobody has room; who asks again is told again.
  await expect(both(3)).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true });
});

it('a message of many that begins with a batch of an earlier one is another message', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'sender' });
  await ensureStream(bus.jsm, stream);
  const batches = new BatchPublisher(bus);
  // The answer for a1 was lost beyond this sender, say, so it publishes it again.
  for (const other of ['b', 'c']) await Promise.all([batches.publish(batch('a', 1)), batches.publish(batch(other, 1))]);
  expect(await stored(bus)).toEqual([
    [TELEMETRY_OF_MANY, ['a1', 'b1']],
    [TELEMETRY_OF_MANY, ['a1', 'c1']],
  ]);
});

it('what is sent after a batch was said to be sent arrives after it', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'sender' });
  await ensureStream(bus.jsm, stream);
  const batches = new BatchPublisher(bus);
  const under = batches.publish(batch('a', 1));
  await new Promise<void>((resolve) => setImmediate(resolve));
  let stores: Promise<void> = Promise.resolve();
  // It waits for the message that is under way.
  await new Promise<void>((sent) => {
    stores = batches.publish(batch('b', 1), sent);
  });
  await Promise.all([under, stores, publishJson(bus.js, telemetry('c'), batch('c', 1))]);
  expect((await stored(bus)).map(([, held]) => held)).toEqual([['a1'], ['b1'], ['c1']]);
});

it('where one fails, what waits behind it fails too; published again, it is stored', async () => {
  await using nats = await testNats();
  await using bus = await connectBus({ url: nats.url, name: 'sender' });
  const batches = new BatchPublisher(bus);
  const first = batches.publish(batch('a', 1));
  await new Promise<void>((resolve) => setImmediate(resolve));
  const results = await Promise.allSettled([first, batches.publish(batch('a', 2))]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await ensureStream(bus.jsm, stream);
  await Promise.all([batches.publish(batch('a', 1)), batches.publish(batch('a', 2))]);
  expect(await stored(bus)).toEqual([[TELEMETRY_OF_MANY, ['a1', 'a2']]]);
});
