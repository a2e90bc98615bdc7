import { messagesOf } from '../src/announce.js';
import { findPoison } from '../src/poison.js';
import { eventTexts } from '../src/slices.js';

const batch = (events: unknown[]): string =>
  JSON.stringify({ play_sid: 'a"events":[', attempt: 1, source: 'x\\', batch: 1, events });

describe('the texts of a batch', () => {
  it('are cut out byte for byte, whatever is in their strings', () => {
    const events = [{ a: '}],{"events":[' }, { b: '\\"\\\\', c: [{ d: [] }] }, { e: {} }, { 'k"\\': 'ü😀' }];
    expect(eventTexts(batch(events), 4)).toEqual(events.map((event) => JSON.stringify(event)));
    expect(eventTexts('{"play_sid":"a","events":[{"n":1.0},{"n":1e3}]}', 2)).toEqual(['{"n":1.0}', '{"n":1e3}']);
  });

  it('are not cut where the message is laid out in another way', () => {
    expect(eventTexts('{"events":[{"a":1}],"play_sid":"a"}', 1)).toBeUndefined();
    expect(eventTexts('{ "events" : [{"a":1}] }', 1)).toBeUndefined();
    expect(eventTexts('{"x":{"events":[{"a":1}]},"events":[{"b":2}]}', 1)).toBeUndefined();
    expect(eventTexts('{"events":[{"a":1} ,{"b":2}]}', 2)).toBeUndefined();
    expect(eventTexts(batch([{ a: 1 }]), 2)).toBeUndefined();
  });
});

describe('messages to listeners', () => {
  const event = (seq: number, more: object = {}): string => JSON.stringify({ play_sid: 'p', attempt: 1, seq, ...more });

  it('carry all events in order, each message within the limit', () => {
    const texts = Array.from({ length: 50 }, (_, i) => event(i + 1, { text: '€'.repeat(i * 5) }));
    const messages = messagesOf('p', texts, 2_000);
    for (const message of messages) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2_000);
    const events = messages.flatMap((message) => (JSON.parse(message) as { events: unknown[] }).events);
    expect(events).toEqual(texts.map((text) => JSON.parse(text) as unknown));
  });

  it('leave the output, then the tags, then long texts out of an event that is too large alone', () => {
    const large = 'x'.repeat(100_000);
    const cut = (more: object): object => {
      const [message = ''] = messagesOf('p', [event(1, more)], 60_000);
      return (JSON.parse(message) as { events: object[] }).events[0] as object;
    };
    expect(cut({ output: large, tags: { a: 1 } })).toEqual({
      play_sid: 'p',
      attempt: 1,
      seq: 1,
      tags: { a: 1 },
      output_omitted: true,
    });
    expect(cut({ tags: { a: large } })).toMatchObject({ tags: {} });
    expect(cut({ text: large })).toMatchObject({ text: `${'x'.repeat(16_384)}…` });
  });
});

it('poison is found by halving, each piece of it', async () => {
  const tried: number[] = [];
  const found = await findPoison(
    Array.from({ length: 100 }, (_, i) => i),
    async (part) => {
      tried.push(part.length);
      return !part.includes(17) && !part.includes(99);
    },
  );
  expect([...found]).toEqual([17, 99]);
  expect(tried.length).toBeLessThan(32);
});

it('a batch full of poison costs a bounded number of tries, and no event of it is forgotten', async () => {
  let tries = 0;
  const poison = await findPoison(Array.from({ length: 200 }), async () => {
    tries++;
    return false;
  });
  expect(poison.size).toBe(200);
  expect(tries).toBeLessThanOrEqual(64);
});
