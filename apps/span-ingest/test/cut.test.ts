/** Where spans stand to the one that a fork begins with. */
import { cutAt } from '../src/cut.js';
import type { SpanTimes } from '../src/tree-store.js';

const at = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
let heard = 0;
const span = (id: string, parent_id: string | null, from: number, to: number | null): SpanTimes => {
  return { id, parent_id, first_seq: ++heard, started_at: at(from), ended_at: to === null ? null : at(to) };
};
const cut = (spans: SpanTimes[], id: string) => {
  const from = spans.find((found) => found.id === id);
  if (!from) throw new Error(`no span ${id}`);
  const { below, before, after } = cutAt(spans, from);
  return { below: below.sort(), before: before.sort(), after: after.sort() };
};

test('what had ended is before it, what ended later after it, what has not ended and itself neither', () => {
  const spans = [
    span('root', null, 0, null),
    span('first', 'root', 1, 5),
    span('beside', 'root', 2, 50),
    span('from', 'root', 10, 20),
    span('later', 'root', 30, 40),
  ];
  expect(cut(spans, 'from')).toEqual({ below: [], before: ['first'], after: ['beside', 'later'] });
});

test('what stands below it does so at any depth, though it ended in an attempt before', () => {
  const spans = [
    span('root', null, 0, 200),
    span('from', 'root', 100, null),
    span('block', 'from', 10, 20),
    span('step', 'block', 11, 15),
    span('other', 'root', 5, 9),
  ];
  expect(cut(spans, 'from')).toEqual({ below: ['block', 'step'], before: ['other'], after: ['root'] });
});

test('within one millisecond what was heard of first was first; what it stands in is never before it', () => {
  const spans = [
    span('root', null, 7, 7),
    span('call', 'root', 7, 7),
    span('earlier', 'call', 7, 7),
    span('from', 'call', 7, 7),
    span('later', 'call', 7, 7),
  ];
  expect(cut(spans, 'from')).toEqual({ below: [], before: ['earlier'], after: ['call', 'later', 'root'] });
});
