/** Shapes of spans and of the events that they are made from. */
import { z } from 'zod';
import { Json, JsonObject, orRef, Sid, Time } from './values.js';

export const SpanId = z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits');
export const SpanKind = z.enum(['flow_root', 'step', 'rpc', 'subflow', 'other']);
export type SpanKind = z.infer<typeof SpanKind>;
export const SpanStatus = z.enum(['running', 'success', 'failed', 'replayed', 'paused', 'cancelled']);
export type SpanStatus = z.infer<typeof SpanStatus>;

export const SpanError = z.object({ type: z.string(), message: z.string(), traceback: z.string().optional() });
export type SpanError = z.infer<typeof SpanError>;

/** Events do not carry large outputs: the gateway adds references to them when it sends spans and events. */
const Omitted = z.literal(true).describe('The output is left out: it has more than 256 KiB or could not be read.');

export const Log = z.object({
  at: Time,
  text: z.string(),
  span_id: z.string().nullable(),
  stream: z.enum(['log', 'stdout', 'stderr']),
});
export type Log = z.infer<typeof Log>;

export const Span = z.object({
  id: SpanId,
  parent_id: SpanId.nullable(),
  play_sid: Sid,
  name: z.string(),
  kind: SpanKind,
  status: SpanStatus,
  attempt: z.int().describe('The newest attempt that reported this span.'),
  first_seq: z.int().describe('Number of the event that first reported this span; siblings are shown in this order.'),
  started_in: z
    .int()
    .nullable()
    .describe('The attempt whose start, tags and logs are shown; null: no start was reported.'),
  ended_in: z.int().nullable().describe('The attempt whose end is shown; null: no end was reported.'),
  closed: z
    .boolean()
    .describe('The play did not report the end of this span; it was concluded from the status of the play.'),
  started_at: Time,
  ended_at: Time.nullable(),
  duration_ms: z.number().nullable(),
  tags: JsonObject,
  logs: z.array(z.object({ at: Time, text: z.string(), attempt: z.int() })),
  error: SpanError.nullable(),
  source_file: z.string().nullable(),
  source_line: z.int().nullable(),
  cost_usd: z.number(),
  usage: JsonObject.nullable(),
  step_key: z.string().optional(),
  child_play_sid: Sid.optional(),
  output: orRef(Json).optional(),
  output_omitted: Omitted.optional(),
});
export type Span = z.infer<typeof Span>;

/** The state of a play at one event, without its spans: what a viewer needs to continue from a snapshot. */
export const HistoryState = z.object({
  attempt: z.int(),
  final: z.string().nullable().describe('The final status of the play, or null.'),
  final_at: Time.nullable(),
});
export type HistoryState = z.infer<typeof HistoryState>;

const at = { at: Time };
const onSpan = { ...at, span_id: SpanId };

/**
 * An event that a play sends on its telemetry lane, one JSON object a line. The executor validates it once and adds
 * play and attempt; span-ingest numbers it. `PlayEvent` is the same object with these fields.
 */
export const EmittedEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('span_started'),
    ...onSpan,
    parent_id: SpanId.nullable(),
    name: z.string(),
    kind: SpanKind,
    place: z.string(),
    tags: JsonObject.default({}),
    source_file: z.string().nullable().default(null),
    source_line: z.int().nullable().default(null),
  }),
  z.object({
    type: z.literal('span_ended'),
    ...onSpan,
    status: SpanStatus.exclude(['running']),
    duration_ms: z.number().nullable().default(null).describe('Null for a replayed span, which keeps its times.'),
    output: orRef(Json).optional(),
    output_omitted: Omitted.optional(),
    error: SpanError.optional(),
    cost_usd: z.number().optional(),
    usage: JsonObject.optional(),
    step_key: z.string().optional(),
    child_play_sid: Sid.optional(),
  }),
  z.object({ type: z.literal('span_tagged'), ...onSpan, tags: JsonObject }),
  z.object({
    type: z.literal('log'),
    ...at,
    span_id: SpanId.nullable(),
    text: z.string(),
    stream: z.enum(['log', 'stdout', 'stderr']).default('log'),
  }),
  z.object({ type: z.literal('dropped'), ...at, count: z.int().min(1), reason: z.string().default('overload') }),
]);
export type EmittedEvent = z.infer<typeof EmittedEvent>;

/** Events that the runtime adds to the history of a play. */
export const RuntimeEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('attempt_started'), ...at, executor: z.string(), sandbox: JsonObject }),
  z.object({ type: z.literal('step_committed'), ...onSpan, step_key: z.string() }),
  z.object({ type: z.literal('paused'), ...at, resume_ids: z.array(z.string()) }),
  // Questions that open now, while the play continues to work.
  z.object({ type: z.literal('asked'), ...at, resume_ids: z.array(z.string()) }),
  z.object({ type: z.literal('answered'), ...at, resume_id: z.string(), resumed_by: z.string() }),
  z.object({ type: z.literal('child_started'), ...onSpan, child_play_sid: Sid }),
  z.object({ type: z.literal('diverged'), ...at, difference: JsonObject }),
  z.object({ type: z.literal('status'), ...at, status: z.string() }),
]);
export type RuntimeEvent = z.infer<typeof RuntimeEvent>;

export type AnyEvent = EmittedEvent | RuntimeEvent;
const stamp = z.object({ play_sid: Sid, seq: z.int().min(1), attempt: z.int().min(0) });
export const PlayEvent = z.intersection(stamp, z.union([EmittedEvent, RuntimeEvent]));
export type PlayEvent = z.infer<typeof PlayEvent>;

/**
 * One batch of events of one play, sent to span-ingest. `source` and `batch` make it idempotent: a source numbers
 * its batches of a play from 1, and a repeated batch is byte-identical.
 */
export const EventBatch = z.object({
  play_sid: Sid,
  attempt: z.int().min(0),
  source: z
    .string()
    .describe('`x<epoch>` for an executor’s claim, `r<outbox id>` for the registry, `p<…>` for span_push.'),
  batch: z.int().min(1),
  events: z.array(z.record(z.string(), z.json())).min(1),
});
export type EventBatch = z.infer<typeof EventBatch>;

/** Content of `hero.play.<sid>.spans`: committed, numbered events. */
export const NumberedBatch = z.object({ play_sid: Sid, events: z.array(PlayEvent) });
export type NumberedBatch = z.infer<typeof NumberedBatch>;
