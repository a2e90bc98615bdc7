/**
 * The tree of a play as viewers get it.
 *
 * 1. A span never comes before its parent in one answer. Depth costs no recursion (10,000 levels).
 * 2. A span whose parent is not stored (its start was dropped under pressure) hangs below the root.
 * 3. What is not shown is said: the root's tag `spans_not_shown` counts the spans beyond the limit.
 */
import type { Span } from '@hero/contracts';
import { newDetail, type SpanDetail, spanOf } from '@hero/spans';
import type { SpanLog } from './log-lines.js';
import type { SpanRow, StoredPlay } from './tree-store.js';

const NOT_SHOWN = 'spans_not_shown';

export interface Parts {
  sid: string;
  play: StoredPlay;
  rows: readonly SpanRow[];
  logs: readonly SpanLog[];
  /** Parents that are stored but not among the rows. */
  elsewhere: ReadonlySet<string>;
}

export function treeOf({ sid, play, rows, logs, elsewhere }: Parts): Span[] {
  const present = new Set(rows.map(({ id }) => id));
  const linesOf = new Map<string, Span['logs']>();
  for (const { span_id, at, text, attempt } of logs) {
    const lines = linesOf.get(span_id);
    if (lines) lines.push({ at, text, attempt });
    else linesOf.set(span_id, [{ at, text, attempt }]);
  }
  const spans = parentsFirst(rows).map((row) => {
    const { parent_id } = row;
    const known = parent_id !== null && (present.has(parent_id) || elsewhere.has(parent_id));
    const parent = row.id === play.root_id || known ? parent_id : play.root_id;
    const detail = { ...newDetail(), ...(JSON.parse(row.detail) as Partial<SpanDetail>) };
    return spanOf({ ...row, play_sid: sid, parent_id: parent, detail }, linesOf.get(row.id) ?? []);
  });
  const root = play.beyond > 0 ? spans.find(({ id }) => id === play.root_id) : undefined;
  if (root) root.tags = { ...root.tags, [NOT_SHOWN]: play.beyond };
  return spans;
}

/** In the order in which they came, except that a parent goes before its children. */
function parentsFirst<T extends { id: string; parent_id: string | null; first_seq: number }>(rows: readonly T[]): T[] {
  const inOrder = [...rows].sort((a, b) => a.first_seq - b.first_seq);
  const present = new Set(rows.map(({ id }) => id));
  const done = new Set<string>();
  const waiting = new Map<string, T[]>();
  const result: T[] = [];
  for (const row of inOrder) {
    const { parent_id } = row;
    if (parent_id !== null && present.has(parent_id) && !done.has(parent_id)) {
      const siblings = waiting.get(parent_id);
      if (siblings) siblings.push(row);
      else waiting.set(parent_id, [row]);
      continue;
    }
    const next = [row];
    for (let one = next.pop(); one; one = next.pop()) {
      result.push(one);
      done.add(one.id);
      next.push(...(waiting.get(one.id) ?? []).reverse());
      waiting.delete(one.id);
    }
  }
  // A circle of parents has no first one: its spans keep the order in which they arrived.
  for (const circle of waiting.values()) result.push(...circle);
  return result;
}
