import type { PlayEvent, Span } from '@hero/contracts';
import { type Snapshot, SpanTree } from '@hero/spans';
import { duration, rowsOf, treeLines } from '../src/tree-lines.js';

const span = (id: string, parent_id: string | null, more: Partial<Span> = {}): Span => ({
  id: id.padStart(16, '0'),
  parent_id: parent_id === null ? null : parent_id.padStart(16, '0'),
  play_sid: 'p',
  name: id,
  kind: 'step',
  status: 'success',
  attempt: 1,
  first_seq: Number.parseInt(id, 16) || 1,
  started_in: 1,
  ended_in: 1,
  closed: false,
  started_at: `2026-11-21T09:00:00.${id.padStart(3, '0')}Z`,
  ended_at: `2026-11-21T09:00:01.${id.padStart(3, '0')}Z`,
  duration_ms: 5,
  tags: {},
  logs: [],
  error: null,
  source_file: null,
  source_line: null,
  cost_usd: 0,
  usage: null,
  ...more,
});
const snapshot = (spans: Span[], seq: number): Snapshot => ({
  spans,
  seq,
  state: { attempt: 1, final: null, final_at: null },
});
const draw = (spans: Span[], logs = 3): string[] => {
  const tree = new SpanTree('p');
  tree.load(snapshot(spans, 1));
  return treeLines(tree.rows(), { colour: false, width: 60, logs });
};

describe('the tree on a terminal', () => {
  it('draws children under their parents, in the order in which they were first seen', () => {
    expect(draw([span('1', null), span('2', '1'), span('3', '1'), span('4', '2')])).toEqual([
      '✓ 1  5.0 ms',
      '├─ ✓ 2  5.0 ms',
      '│  └─ ✓ 4  5.0 ms',
      '└─ ✓ 3  5.0 ms',
    ]);
  });

  it('draws a spawned play below the span that waits for it, at any depth', () => {
    const tree = (sid: string, spans: Span[]): [string, SpanTree] => {
      const made = new SpanTree(sid);
      made.load(snapshot(spans, 1));
      return [sid, made];
    };
    const trees = new Map([
      tree('p', [span('1', null), span('2', '1', { child_play_sid: 'q' }), span('3', '1')]),
      // The span that it hangs under is another play's.
      tree('q', [
        span('4', '2'),
        span('5', '4', { child_play_sid: 'r' }),
        span('6', '4', { child_play_sid: 'unread' }),
      ]),
      tree('r', [span('7', '5')]),
    ]);
    expect(treeLines(rowsOf('p', trees), { colour: false, width: 60, logs: 0 })).toEqual([
      '✓ 1  5.0 ms',
      '├─ ✓ 2  5.0 ms',
      '│  └─ ✓ 4  5.0 ms',
      '│     ├─ ✓ 5  5.0 ms',
      '│     │  └─ ✓ 7  5.0 ms',
      '│     └─ ✓ 6  5.0 ms',
      '└─ ✓ 3  5.0 ms',
    ]);
  });

  it('says the status in words and signs, and shows the newest logs and the error', () => {
    const logs = ['a', 'b', 'c'].map((text) => ({ at: '', text, attempt: 1 }));
    expect(
      draw([span('1', null, { status: 'failed', logs, error: { type: 'ValueError', message: 'no' } })], 2),
    ).toEqual(['✗ 1  5.0 ms  failed', '     … 1 more lines', '     b', '     c', '     ValueError: no']);
  });

  it('lets no control character of a user reach the terminal', () => {
    expect(draw([span('1', null, { name: 'x\x1b[2Jy' })])[0]).toBe('✓ x [2Jy  5.0 ms');
  });

  it('keeps the times of a span that was replayed and forgets events it has seen', () => {
    const tree = new SpanTree('p');
    tree.load(snapshot([span('1', null)], 5));
    const replayed = {
      type: 'span_ended',
      play_sid: 'p',
      attempt: 2,
      at: '',
      span_id: '1'.padStart(16, '0'),
      status: 'replayed',
      duration_ms: null,
    };
    expect(tree.apply({ ...replayed, seq: 5 } as PlayEvent)).toBe(false);
    expect(tree.apply({ ...replayed, seq: 6 } as PlayEvent)).toBe(true);
    expect(tree.rows()[0]?.span).toMatchObject({ status: 'replayed', attempt: 2, duration_ms: 5 });
  });

  it.each([
    [0.42, '0.4 ms'],
    [123.4, '123 ms'],
    [3210, '3.2 s'],
    [250_000, '4 min 10 s'],
  ])('writes %d ms as %s', (ms, text) => expect(duration(ms)).toBe(text));
});
