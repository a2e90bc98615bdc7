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

/** Large outputs do not travel with the events: the gateway refers to them where it hands out spans and events. */
const Omitted = z.literal(true).describe('The output is not in here: it has more than 256 KiB, or was not to be had.');

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
  attempt: z.int().describe('The newest attempt that spoke of it.'),
  first_seq: z.int().describe('Number of the event by which it was first heard of: siblings are shown in this order.'),
  started_in: z
    .int()
    .nullable()
    .describe('The attempt whose start, tags and logs are shown; null: its start is not known.'),
  ended_in: z.int().nullable().describe('The attempt whose end is shown; null: it has reported none.'),
  closed: z.boolean().describe('Its end was not reported by the play but concluded from what became of the play.'),
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

/** How the history of a play stands at one event, beside its spans: what a viewer needs to go on from a snapshot. */
export const HistoryState = z.object({
  attempt: z.int(),
  final: z.string().nullable().describe('The final status of the play, while it has one.'),
  final_at: Time.nullable(),
});
export type HistoryState = z.infer<typeof HistoryState>;

const at = { at: Time };
const onSpan = { ...at, span_id: SpanId };

/**
 * What a play says about itself on its telemetry lane, one JSON object a line. The executor validates each once and
 * stamps play and attempt; span-ingest numbers them. `PlayEvent` is the same object with those stamps.
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
    duration_ms: z.number().nullable().default(null).describe('Null for a replayed span: its times stay.'),
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

/** What the runtime adds to a play's history beside what the play itself emits. */
export const RuntimeEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('attempt_started'), ...at, executor: z.string(), sandbox: JsonObject }),
  z.object({ type: z.literal('step_committed'), ...onSpan, step_key: z.string() }),
  z.object({ type: z.literal('paused'), ...at, resume_ids: z.array(z.string()) }),
  // Questions that are open from now on, while the play works on.
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
 * One batch of events of one play on its way to span-ingest. `source` and `batch` make it idempotent: a source numbers
 * its batches of a play from 1, and a batch that is sent again is the same to the byte.
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

/** What `hero.play.<sid>.spans` carries: committed, numbered events. */
export const NumberedBatch = z.object({ play_sid: Sid, events: z.array(PlayEvent) });
export type NumberedBatch = z.infer<typeof NumberedBatch>;
