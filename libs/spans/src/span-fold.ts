/**
 * Folds the events of a span into its one node in the tree. Pure: no SQL, no clock.
 *
 * S1 The same place is the same node in every attempt. The node shows one run: the newest that really started. A start of a
 *    higher attempt resets the node (times, tags, logs, error, output); a start of a lower one is in the history only.
 * S2 Status and attempt are those of the newest attempt that reported the span.
 * S3 `replayed` changes status and attempt. It adds a missing end or output (lost with the attempt that ran the span) and replaces
 *    nothing.
 * S4 Order does not matter: an end that arrives before its start is kept for it, a start after a higher attempt's `replayed` adds
 *    the name, and a reported end replaces a concluded one.
 * S5 Only costs are summed over the attempts, and only over those that really ran.
 */
import { isOpen, NEVER, type SpanState } from './state.js';
import type { AnyEvent, SpanStatus } from '@hero/contracts';

type Event<T> = Extract<AnyEvent, { type: T }>;

/** Milliseconds between two times; null if one of them is not a valid time. */
function between(from: string, to: string): number | null {
  const ms = Date.parse(to) - Date.parse(from);
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

export function started(span: SpanState, event: Event<'span_started'>, attempt: number): void {
  if (attempt < span.started_in) return; // S1
  const again = attempt === span.started_in;
  span.parent_id = event.parent_id;
  span.name = event.name;
  span.kind = event.kind;
  const { detail } = span;
  // S4
  const keepsEnd = span.ended_in >= attempt || (span.status === 'replayed' && span.attempt >= attempt);
  const alreadyTagged = (again || span.started_in === NEVER) && Object.keys(detail.tags).length > 0;
  detail.tags = alreadyTagged ? { ...event.tags, ...detail.tags } : (event.tags ?? {});
  detail.source_file = event.source_file ?? null;
  detail.source_line = event.source_line ?? null;
  if (!keepsEnd && !again) {
    detail.error = undefined;
    detail.output = undefined;
    detail.output_omitted = undefined;
    detail.usage = undefined;
  }
  if (again) return;
  span.started_at = event.at;
  span.started_in = attempt;
  span.log_lines = 0;
  if (!keepsEnd) {
    span.ended_in = NEVER;
    span.ended_at = null;
    span.duration_ms = null;
    span.closed = false;
  } else if (span.ended_at !== null && span.duration_ms === null) {
    span.duration_ms = between(span.started_at, span.ended_at);
  }
  if (attempt > span.attempt || (attempt === span.attempt && isOpen(span))) {
    span.attempt = attempt;
    span.status = 'running';
  }
}

export function ended(span: SpanState, event: Event<'span_ended'>, attempt: number): void {
  if (event.status === 'replayed') return replayed(span, event, attempt);
  if (attempt < span.started_in || attempt < span.ended_in) return; // S1
  const { detail } = span;
  span.ended_in = attempt;
  span.closed = false;
  span.ended_at = event.at;
  span.duration_ms = event.duration_ms ?? (span.started_in !== NEVER ? between(span.started_at, event.at) : null);
  span.cost_usd += event.cost_usd ?? 0; // S5
  detail.error = event.error;
  detail.output = event.output;
  detail.output_omitted = event.output_omitted;
  detail.usage = event.usage ?? detail.usage;
  detail.step_key = event.step_key ?? detail.step_key;
  detail.child_play_sid = event.child_play_sid ?? detail.child_play_sid;
  if (attempt >= span.attempt) {
    span.attempt = attempt;
    span.status = event.status;
  }
}

/** S3 */
function replayed(span: SpanState, event: Event<'span_ended'>, attempt: number): void {
  if (attempt < span.attempt) return;
  const { detail } = span;
  span.attempt = attempt;
  span.status = 'replayed';
  if (span.ended_at === null) close(span, 'replayed', event.at);
  detail.error ??= event.error;
  if (detail.output === undefined) detail.output = event.output;
  if (detail.output === undefined) detail.output_omitted ??= event.output_omitted;
  detail.usage ??= event.usage;
  detail.step_key ??= event.step_key;
  detail.child_play_sid ??= event.child_play_sid;
}

export function tagged(span: SpanState, event: Event<'span_tagged'>, attempt: number): boolean {
  if (attempt < span.started_in) return false; // S1
  span.detail.tags = { ...span.detail.tags, ...event.tags };
  return true;
}

/** Concludes an end that was never reported, because the process has ended. */
export function close(span: SpanState, status: SpanStatus, at: string): void {
  span.status = status;
  span.ended_at = at;
  span.closed = true;
  span.duration_ms = span.started_in !== NEVER ? between(span.started_at, at) : null;
}
