/** Whether an event has the shape of the contract. */
import type { AnyEvent, SpanKind, SpanStatus } from '@hero/contracts';

export type KnownEvent = AnyEvent;

/** Written out as tables and not as the contract's zod schema: 80,000 events a second pass here, and the executor has validated each. */
type Check = (event: Record<string, unknown>) => string | undefined;

const KINDS: Record<SpanKind, true> = { flow_root: true, step: true, rpc: true, subflow: true, other: true };
const ENDS: Record<Exclude<SpanStatus, 'running'>, true> = {
  success: true,
  failed: true,
  replayed: true,
  paused: true,
  cancelled: true,
};
const SPAN_ID = /^[0-9a-f]{16}$/;

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const optional = (value: unknown, type: 'string' | 'number'): boolean => value === undefined || typeof value === type;
const nullish = (value: unknown, type: 'string' | 'number'): boolean => value === null || optional(value, type);
const isSpanId = (value: unknown): boolean => typeof value === 'string' && SPAN_ID.test(value);

const onSpan: Check = (e) => (isSpanId(e.span_id) ? undefined : 'span_id');

const CHECKS: Record<AnyEvent['type'], Check> = {
  span_started: (e) => {
    if (e.parent_id !== null && !isSpanId(e.parent_id)) return 'parent_id';
    if (typeof e.name !== 'string') return 'name';
    if (typeof e.kind !== 'string' || !(e.kind in KINDS)) return 'kind';
    if (e.tags !== undefined && !isObject(e.tags)) return 'tags';
    if (!nullish(e.source_file, 'string')) return 'source_file';
    if (!nullish(e.source_line, 'number')) return 'source_line';
    return onSpan(e);
  },
  span_ended: (e) => {
    if (typeof e.status !== 'string' || !(e.status in ENDS)) return 'status';
    if (!nullish(e.duration_ms, 'number')) return 'duration_ms';
    if (!optional(e.cost_usd, 'number')) return 'cost_usd';
    if (e.error !== undefined && !isObject(e.error)) return 'error';
    if (e.usage !== undefined && !isObject(e.usage)) return 'usage';
    if (!optional(e.step_key, 'string')) return 'step_key';
    if (!optional(e.child_play_sid, 'string')) return 'child_play_sid';
    return onSpan(e);
  },
  span_tagged: (e) => (isObject(e.tags) ? onSpan(e) : 'tags'),
  log: (e) => {
    if (typeof e.text !== 'string') return 'text';
    if (e.stream !== undefined && e.stream !== 'log' && e.stream !== 'stdout' && e.stream !== 'stderr') return 'stream';
    return e.span_id === null ? undefined : onSpan(e);
  },
  dropped: (e) => (Number.isSafeInteger(e.count) && Number(e.count) >= 1 ? undefined : 'count'),
  attempt_started: () => undefined,
  step_committed: (e) => (typeof e.step_key === 'string' ? onSpan(e) : 'step_key'),
  paused: () => undefined,
  asked: () => undefined,
  answered: () => undefined,
  child_started: (e) => (typeof e.child_play_sid === 'string' ? onSpan(e) : 'child_play_sid'),
  diverged: () => undefined,
  status: (e) => (typeof e.status === 'string' ? undefined : 'status'),
};

/** What makes an event unfit to be stored, or undefined. */
export function faultOf(event: Record<string, unknown>): string | undefined {
  const { type } = event;
  if (typeof type !== 'string' || !Object.hasOwn(CHECKS, type)) return 'type';
  return typeof event.at === 'string' ? CHECKS[type as AnyEvent['type']](event) : 'at';
}

/** I10: what stands in the history for an event that could not be stored. */
export function droppedFor(event: unknown, reason: string, count = 1): KnownEvent {
  const at = typeof event === 'object' && event !== null && 'at' in event ? event.at : undefined;
  return { type: 'dropped', at: typeof at === 'string' ? at : new Date().toISOString(), count, reason };
}
