/** The frames between a play and its executor, in both directions. */
import { z } from 'zod';
import { SandboxReport } from './plays.js';
import { Diverged, MemoryItem, StepOutcome } from './runs.js';
import { Question, WaitAnswer } from './waits.js';
import { JsonObject, JsonText } from './values.js';

/**
 * Play ↔ executor: JSON lines on two unix connections per play (docs/protocol.md). The control lane is request/reply, and no
 * frame on it is dropped; the telemetry lane carries EmittedEvents to the executor, one a line. Frames are checked once, with these shapes.
 */
/** Quoting a payload of 16 MiB in a frame may double its size. */
export const FRAME_LIMIT = 34 * 1024 * 1024;
/** The largest telemetry line. The SDK cuts longer ones before it sends them. */
export const EVENT_LIMIT = 512 * 1024;

const Id = z.int().min(1);
const Withdrawn = z.array(z.string()).default([]).describe('Places of open waits whose branch was cancelled.');

/** First line on each connection: it names the play. The token is single use, and only the fork server knows it. */
export const Hello = z.strictObject({
  t: z.literal('hello'),
  token: z.string(),
  lane: z.enum(['control', 'telemetry', 'output']),
});

/** The frames that a play may send on its control lane. */
export const PlayFrame = z.discriminatedUnion('t', [
  z.strictObject({
    t: z.literal('commit'),
    id: Id,
    steps: z.array(StepOutcome).min(1),
    cost_usd: z.number().min(0).default(0),
    diverged: Diverged,
  }),
  z.strictObject({
    t: z.literal('spawn'),
    id: Id,
    place: z.string(),
    parent_place: z.string().default(''),
    span_id: z.string(),
    workflow_name: z.string(),
    version_sid: z.string().nullable().default(null),
    input: JsonText,
  }),
  z.strictObject({
    t: z.literal('resolve'),
    id: Id,
    workflow_name: z.string(),
    version_sid: z.string().nullable().default(null),
  }),
  z.strictObject({ t: z.literal('call'), id: Id, method: z.string(), params: JsonText }),
  z.strictObject({ t: z.literal('secret'), id: Id, name: z.string() }),
  z.strictObject({ t: z.literal('broker'), id: Id }),
  z.strictObject({
    t: z.literal('ask'),
    id: Id,
    questions: z.array(Question).default([]),
    withdrawn: Withdrawn,
    cost_usd: z.number().min(0).default(0),
    diverged: Diverged,
  }),
  z.strictObject({
    t: z.literal('pause'),
    id: Id,
    questions: z.array(Question),
    withdrawn: Withdrawn,
    replay: z.boolean().default(false),
    cost_usd: z.number().min(0).default(0),
    diverged: Diverged,
    emitted: z.int().min(0).describe('Number of lines that this play has written to its telemetry lane so far.'),
  }),
  z.strictObject({
    t: z.literal('end'),
    id: Id,
    status: z.enum(['success', 'failed']),
    output: JsonText.nullable().default(null),
    error: z
      .strictObject({ type: z.string(), message: z.string(), traceback: z.string(), span_id: z.string().nullable() })
      .nullable()
      .default(null),
    failed_at: z.array(z.string()).max(10_000).default([]),
    cost_usd: z.number().min(0).default(0),
    diverged: Diverged,
    emitted: z.int().min(0),
  }),
]);
export type PlayFrame = z.infer<typeof PlayFrame>;

/** The frames that the executor sends to a play. */
export const ExecutorFrame = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('start'),
    play_sid: z.string(),
    attempt: z.int(),
    version_sid: z.string(),
    workflow_name: z.string(),
    source: z.string(),
    entry: z.string(),
    options: JsonObject,
    input: JsonText,
    sandbox: SandboxReport,
    always_replay: z.boolean(),
    parent_span_id: z.string().nullable(),
  }),
  z.object({ t: z.literal('memory'), items: z.array(MemoryItem) }),
  z.object({ t: z.literal('go') }),
  z.object({ t: z.literal('done'), id: Id }),
  z.object({ t: z.literal('answers'), id: Id, answers: z.array(WaitAnswer), more: z.boolean() }),
  // Something that this play waits for was answered; the only frame after `go` that answers no request.
  z.object({ t: z.literal('woken') }),
  z.object({ t: z.literal('spawned'), id: Id, child_play_sid: z.string() }),
  z.object({
    t: z.literal('resolved'),
    id: Id,
    workflow_name: z.string(),
    workflow_sid: z.string(),
    version_sid: z.string(),
    version_number: z.int(),
    source: z.string(),
    entry: z.string(),
  }),
  z.object({ t: z.literal('result'), id: Id, result: JsonText }),
  z.object({ t: z.literal('secret'), id: Id, value: z.string() }),
  z.object({ t: z.literal('broker'), id: Id, url: z.string(), model: z.string() }),
  z.object({ t: z.literal('suspended'), id: Id }),
  z.object({ t: z.literal('refused'), id: Id, code: z.string(), message: z.string() }),
]);
export type ExecutorFrame = z.infer<typeof ExecutorFrame>;
