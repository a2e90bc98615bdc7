/**
 * The tree of a play as viewers get it.
 *
 * 1. A span never comes before its parent in one answer. Depth costs no recursion (10,000 levels).
 * 2. A span whose parent is not stored (its start was dropped under pressure) hangs below the root.
 * 3. What is not shown is said: the root's tag `spans_not_shown` counts the spans beyond the limit.
 */
import type { JsonObject, Span, SpanKind, SpanStatus } from '@hero/contracts';
import type { SpanDetail } from './span-state.js';
import type { SpanLog, SpanRow, StoredPlay } from './tree-store.js';

export const NOT_SHOWN = 'spans_not_shown';

interface Parts {
  sid: string;
  play: StoredPlay;
  rows: readonly SpanRow[];
  logs: readonly SpanLog[];
  /** Parents that are stored but not among the rows. */
  elsewhere: ReadonlySet<string>;
}

export function treeOf({ sid, play, rows, logs, elsewhere }: Parts): Span[] {
  const present = new Set(rows.map(({ id }) => id));
  const linesOf = new Map<string, { at: string; text: string }[]>();
  for (const { span_id, at, text } of logs) {
    const lines = linesOf.get(span_id);
    if (lines) lines.push({ at, text });
    else linesOf.set(span_id, [{ at, text }]);
  }
  const spans = parentsFirst(rows).map((row) => {
    const { parent_id } = row;
    const known = parent_id !== null && (present.has(parent_id) || elsewhere.has(parent_id));
    const parent = row.id === play.root_id || known ? parent_id : play.root_id;
    return spanOf(sid, row, parent, linesOf.get(row.id) ?? []);
  });
  const root = play.beyond > 0 ? spans.find(({ id }) => id === play.root_id) : undefined;
  if (root) root.tags = { ...root.tags, [NOT_SHOWN]: play.beyond };
  return spans;
}

/** In the order in which they came, except that a parent goes before its children. */
export function parentsFirst<T extends { id: string; parent_id: string | null; first_seq: number }>(
  rows: readonly T[],
): T[] {
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
  // A circle of parents has no first: it is shown as it came.
  for (const circle of waiting.values()) result.push(...circle);
  return result;
}

function spanOf(play_sid: string, row: SpanRow, parent_id: string | null, logs: Span['logs']): Span {
  const detail = JSON.parse(row.detail) as Partial<SpanDetail>;
  const { tags, error, source_file, source_line, usage, step_key, child_play_sid, output, output_omitted } = detail;
  return {
    id: row.id,
    parent_id,
    play_sid,
    name: row.name,
    kind: row.kind as SpanKind,
    status: row.status as SpanStatus,
    attempt: row.attempt,
    started_at: row.started_at,
    ended_at: row.ended_at,
    duration_ms: row.duration_ms,
    tags: tags as JsonObject,
    logs,
    error: error ?? null,
    source_file: source_file ?? null,
    source_line: source_line ?? null,
    cost_usd: row.cost_usd,
    usage: usage ?? null,
    ...(step_key !== undefined && { step_key }),
    ...(child_play_sid !== undefined && { child_play_sid }),
    ...(output !== undefined && { output }),
    ...(output_omitted && { output_omitted }),
  };
}
