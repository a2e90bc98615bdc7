/**
 * Where the spans of a play stand to one of them, for a fork that begins there. Pure: no SQL, no clock.
 *
 * 1. What stands below it, and what it stands below, is told by the tree: that holds whatever was heard of it in earlier attempts.
 * 2. The rest is told by the play's own clock, in which a step ended before the next one began even where commits follow in the
 *    background. It writes milliseconds: within one, what was heard of first was first.
 */
import type { Result, spanBegan } from '@hero/contracts';
import type { SpanTimes } from './tree-store.js';

export function cutAt(spans: readonly SpanTimes[], from: SpanTimes): Result<typeof spanBegan> {
  const below = belowOf(spans, from.id);
  const above = aboveOf(spans, from);
  const began = Date.parse(from.started_at);
  const before: string[] = [];
  const after: string[] = [];
  for (const { id, ended_at, first_seq } of spans) {
    if (ended_at === null || below.has(id)) continue;
    const ended = Date.parse(ended_at);
    const earlier = ended === began ? first_seq < from.first_seq : ended < began;
    (earlier && !above.has(id) ? before : after).push(id);
  }
  below.delete(from.id);
  return { began_at: from.started_at, below: [...below], before, after };
}

/** The span itself included. */
function belowOf(spans: readonly SpanTimes[], id: string): Set<string> {
  const children = new Map<string, string[]>();
  for (const { id: child, parent_id } of spans) {
    if (parent_id === null) continue;
    const others = children.get(parent_id);
    if (others) others.push(child);
    else children.set(parent_id, [child]);
  }
  const below = new Set([id]);
  // A set is walked in the order in which it grows.
  for (const parent of below) for (const child of children.get(parent) ?? []) below.add(child);
  return below;
}

function aboveOf(spans: readonly SpanTimes[], { parent_id }: SpanTimes): Set<string> {
  const parents = new Map(spans.map(({ id, parent_id: parent }) => [id, parent]));
  const above = new Set<string>();
  for (let id = parent_id; id !== null && !above.has(id); id = parents.get(id) ?? null) above.add(id);
  return above;
}
