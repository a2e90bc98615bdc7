import { messagesOf, type Numbered } from '../src/announce.js';
import { linesOf, playOf } from '../src/lines.js';
import { findPoison } from '../src/poison.js';
import { eventCuts } from '../src/slices.js';

const batch = (events: unknown[], play_sid = 'a'): string =>
  JSON.stringify({ play_sid, attempt: 1, source: 'x1', batch: 1, events });

function textsIn(text: string, count: number, typeFirst?: boolean): string[] | undefined {
  const body = Buffer.from(text);
  const cuts = eventCuts(body, count, typeFirst);
  return cuts && Array.from({ length: count }, (_, i) => body.toString('utf8', cuts[2 * i], cuts[2 * i + 1]));
}

describe('the events of a batch', () => {
  const events = [{ a: '}],{"events":[' }, { b: '\\"\\\\', c: [{ d: [] }] }, { e: {} }, { 'k"\\': 'ü😀' }];
  const typed = events.map((event, i) => ({ type: `t${i}`, ...event }));

  it('are found byte for byte, whatever is in their strings', () => {
    const strange = JSON.stringify({ play_sid: 'a"events":[', attempt: 1, source: 'x\\', batch: 1, events });
    expect(textsIn(strange, 4)).toEqual(events.map((event) => JSON.stringify(event)));
    expect(textsIn('{"play_sid":"a","events":[{"n":1.0},{"n":1e3}]}', 2)).toEqual(['{"n":1.0}', '{"n":1e3}']);
    expect(textsIn(batch(typed), 4, true)).toEqual(typed.map((event) => JSON.stringify(event)));
  });

  it('are found where what looks like a boundary stands within one of them', () => {
    const nested = [
      { type: 'a', output: [{ type: 'b' }, { type: 'c' }] },
      { type: 'd', text: '},{"type":"' },
    ];
    const texts = nested.map((event) => JSON.stringify(event));
    expect(textsIn(batch(nested), 2, true)).toEqual(texts);
    expect(textsIn(batch(nested.slice(0, 1)), 1, true)).toEqual(texts.slice(0, 1));
  });

  it('are not found where the message is laid out in another way', () => {
    for (const typeFirst of [false, true]) {
      expect(textsIn('{"events":[{"type":"a"}],"play_sid":"a"}', 1, typeFirst)).toBeUndefined();
      expect(textsIn('{ "events" : [{"type":"a"}] }', 1, typeFirst)).toBeUndefined();
      expect(textsIn('{"x":{"events":[{"type":"a"}]},"events":[{"type":"b"}]}', 1, typeFirst)).toBeUndefined();
      expect(textsIn('{"events":[{"type":"a"} ,{"type":"b"}]}', 2, typeFirst)).toBeUndefined();
      expect(textsIn(batch([{ type: 'a' }]), 2, typeFirst)).toBeUndefined();
    }
  });
});

describe('messages to listeners', () => {
  const numbered = (first_seq: number, events: object[]): Numbered => {
    const body = Buffer.from(batch(events, 'p'));
    return { play_sid: 'p', attempt: 1, first_seq, body, cuts: eventCuts(body, events.length) ?? [] };
  };
  const eventsOf = (message: Buffer | undefined): object[] =>
    (JSON.parse(message?.toString() ?? '') as { events: object[] }).events;

  it('carry all events in order with their numbers, each message within the limit', () => {
    const events = Array.from({ length: 50 }, (_, i) => ({ type: 'log', text: '€'.repeat(i * 5) }));
    const messages = messagesOf('p', [numbered(7, events.slice(0, 20)), numbered(27, events.slice(20))], 2_000);
    for (const message of messages) expect(message.length).toBeLessThanOrEqual(2_000);
    expect(messages.length).toBeGreaterThan(5);
    const stamped = events.map((event, i) => ({ play_sid: 'p', attempt: 1, seq: 7 + i, ...event }));
    expect(messages.flatMap(eventsOf)).toEqual(stamped);
  });

  it('are one for all batches of a play that fit', () => {
    const batches = Array.from({ length: 40 }, (_, i) => numbered(i + 1, [{ type: 'paused', at: 'now' }]));
    const messages = messagesOf('p', batches, 1_000_000);
    expect(messages).toHaveLength(1);
    expect(eventsOf(messages[0])).toHaveLength(40);
  });

  it('leave the output, then the tags, then long texts out of an event that is too large alone', () => {
    const large = 'x'.repeat(100_000);
    const cut = (more: object): object | undefined => eventsOf(messagesOf('p', [numbered(1, [more])], 60_000)[0])[0];
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

it('a message of several plays has a batch in each line, and the play is read from its head', () => {
  const lines = [batch([{ type: 'log', text: 'one\ntwo' }], 'p1'), batch([], 'p2')];
  for (const text of [lines.join('\n'), `${lines.join('\n')}\n`]) {
    const found = linesOf(Buffer.from(text));
    expect(found.map(String)).toEqual(lines);
    expect(found.map(playOf)).toEqual(['p1', 'p2']);
  }
  expect(playOf(Buffer.from('{"attempt":1,"play_sid":"p1"}'))).toBeUndefined();
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
