/** A viewer that connects at any time gets the same tree as one that followed from the start. */
import type { AnyEvent, PlayEvent, Span } from '@hero/contracts';
import { SpanTree } from '@hero/spans';

const id = (n: number): string => n.toString(16).padStart(16, '0');
const [ROOT, A, B, ASK, CHILD] = [1, 2, 3, 4, 5].map(id) as [string, string, string, string, string];
let clock = Date.UTC(2026, 10, 21);
const at = (): string => new Date(clock++).toISOString();
const start = (span_id: string, parent_id: string | null, name: string, kind: Span['kind'] = 'step'): AnyEvent => {
  const from = { source_file: 'flow.py', source_line: 3 };
  return { type: 'span_started', at: at(), span_id, parent_id, name, kind, place: name, tags: { name }, ...from };
};
const end = (span_id: string, status: 'success' | 'failed' | 'replayed' | 'paused', more: object = {}): AnyEvent => ({
  type: 'span_ended',
  at: at(),
  span_id,
  status,
  duration_ms: status === 'replayed' ? null : 2,
  ...more,
});
const log = (span_id: string, text: string): AnyEvent => ({ type: 'log', at: at(), span_id, text, stream: 'log' });
const status = (name: string): AnyEvent => ({ type: 'status', at: at(), status: name });

const HISTORY: [attempt: number, AnyEvent][] = [
  ...[
    start(ROOT, null, 'main', 'flow_root'),
    start(A, ROOT, 'a'),
    log(A, 'one'),
    { type: 'span_tagged', at: at(), span_id: A, tags: { more: 1 } } as const,
    end(A, 'success', { output: [1], cost_usd: 0.5 }),
    start(B, ROOT, 'b'),
    log(B, 'of the first attempt'),
    start(ASK, B, 'ask'),
    end(ASK, 'paused'),
    status('awaiting_resume'),
  ].map((event): [number, AnyEvent] => [1, event]),
  ...[
    start(ROOT, null, 'main', 'flow_root'),
    end(A, 'replayed'),
    start(B, ROOT, 'b'),
    end(ASK, 'replayed'),
    log(B, 'of the second'),
    end(B, 'failed', { error: { type: 'E', message: 'no' }, cost_usd: 0.25 }),
    end(ROOT, 'failed', { error: { type: 'E', message: 'no' } }),
    status('failed'),
    status('pending'),
  ].map((event): [number, AnyEvent] => [2, event]),
  ...[
    start(ROOT, null, 'main', 'flow_root'),
    end(A, 'replayed'),
    start(B, ROOT, 'b'),
    start(CHILD, B, 'child', 'subflow'),
    { type: 'child_started', at: at(), span_id: CHILD, child_play_sid: 'c' } as const,
    status('cancelled'),
  ].map((event): [number, AnyEvent] => [3, event]),
];
const events = HISTORY.map(([attempt, event], i) => ({ ...event, play_sid: 'p', attempt, seq: i + 1 }) as PlayEvent);
const follow = (tree: SpanTree, from: number, to: number): SpanTree => {
  for (const event of events.slice(from, to)) tree.apply(event);
  return tree;
};
const whole = follow(new SpanTree('p'), 0, events.length).spans();
const of = (spanId: string): Span | undefined => whole.find((span) => span.id === spanId);

test.each(events.map(({ seq }) => seq))('a snapshot at event %i, and events that overlap with it', (seq) => {
  const before = follow(new SpanTree('p'), 0, seq);
  const viewer = new SpanTree('p');
  viewer.load(before.snapshot());
  expect(viewer.spans()).toEqual(before.spans());
  expect(follow(viewer, Math.max(0, seq - 3), events.length).spans()).toEqual(whole);
});

test('a remembered span keeps its times, output and logs; a span that ran again has only those of its last run', () => {
  expect(of(A)).toMatchObject({ status: 'replayed', attempt: 3, duration_ms: 2, output: [1], cost_usd: 0.5 });
  expect(of(A)?.logs.map(({ text }) => text)).toEqual(['one']);
  expect(of(A)?.tags).toEqual({ name: 'a', more: 1 });
  expect(of(B)).toMatchObject({ error: null, cost_usd: 0.25, logs: [] });
});

test('a follower sees the final status, also in spans whose end was never reported', () => {
  expect([ROOT, B, CHILD].map((span) => of(span)?.status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  expect(of(CHILD)).toMatchObject({ child_play_sid: 'c', ended_at: expect.any(String) });
});

test('a pause shows in every span that waits', () => {
  const waiting = follow(new SpanTree('p'), 0, 10);
  expect(waiting.spans().map((span) => span.status)).toEqual(['paused', 'success', 'paused', 'paused']);
});

describe('a status that arrives late', () => {
  const told = (...history: [attempt: number, AnyEvent][]): Span[] => {
    const tree = new SpanTree('p');
    history.forEach(([attempt, event], i) => tree.apply({ ...event, play_sid: 'p', attempt, seq: i + 1 } as PlayEvent));
    return tree.spans();
  };
  const root = (attempt: number): [number, AnyEvent] => [attempt, start(ROOT, null, 'main', 'flow_root')];

  test.each(['cancelled', 'success'])('%s is not undone by an earlier wake-up', (end) => {
    const late = status('pending');
    expect(told([2, status(end)], [2, late], root(2))[0]?.status).toBe(end);
  });

  test('a failure is undone only by a retry', () => {
    const late = status('pending');
    const failed = status('failed');
    expect(told([2, failed], [2, late], root(2))[0]?.status).toBe('failed');
    expect(told([2, failed], [1, status('pending')], root(2))[0]?.status).toBe('failed');
    expect(told([2, failed], [2, status('pending')], root(3))[0]?.status).toBe('running');
  });
});
