/** Shapes of plays and of what they wait for, and the statuses of a play. */
import { z } from 'zod';
import { PLAY_STATUSES } from './play-status.js';
import { Log, Span } from './spans.js';
import { Json, JsonObject, orRef, Sid, Time } from './values.js';

export const PlayStatus = z.enum(PLAY_STATUSES);
export type PlayStatus = z.infer<typeof PlayStatus>;

export const PlayError = z.object({
  type: z.string().describe('Class of the Python exception, or the runtime’s name for how the process ended.'),
  message: z.string(),
  traceback: z.string(),
  span_id: z.string().nullable(),
});
export type PlayError = z.infer<typeof PlayError>;

/** The isolation that was really enforced, and the parts of the requested level that this machine lacks. */
export const SandboxReport = z.object({
  level: z.enum(['off', 'default', 'strict']),
  enforced: z.array(z.string()),
  missing: z.array(z.string()),
});
export type SandboxReport = z.infer<typeof SandboxReport>;

export const ResumeRequest = z.object({
  id: z.string(),
  play_sid: Sid,
  name: z.string(),
  schema: orRef(JsonObject).nullable().describe('JSON Schema of the answer; null accepts any JSON.'),
  ui: orRef(JsonObject).nullable().describe('The form for a person: {kind, label, …}; null where no person is asked.'),
  asked_at_span_id: z.string(),
  asked_at: Time,
  expires_at: Time.nullable(),
  payload: orRef(Json).nullable(),
  resumed_at: Time.nullable(),
  resumed_by: z.string().nullable().describe('`interactive`, `prefill`, `early` or `timeout`.'),
});
export type ResumeRequest = z.infer<typeof ResumeRequest>;

/** A child or a timer that a play waits for. */
export const PlayWait = z.object({
  kind: z.enum(['child', 'timer']),
  name: z.string(),
  span_id: z.string(),
  child_play_sid: Sid.nullable(),
  due_at: Time.nullable(),
});
export type PlayWait = z.infer<typeof PlayWait>;

/** What a fork inherited, and what it did not. */
export const Forked = z.object({
  play_sid: Sid.describe('The play from which this one was forked.'),
  span_id: z
    .string()
    .nullable()
    .describe('The span before which it was forked; null: it inherited everything that was committed.'),
  version_sid: Sid.describe('The version that the other play ran.'),
  kept: z.int().describe('Number of outcomes and answers that were kept.'),
  left: z.int().describe('Number of outcomes and answers that were not kept.'),
  steps: z
    .array(z.object({ name: z.string(), kept: z.boolean(), reason: z.string() }))
    .describe('The first 200 outcomes and answers, in the order of their commits, and why each was kept or not.'),
});
export type Forked = z.infer<typeof Forked>;

export const Play = z.object({
  sid: Sid,
  name: z.string(),
  workflow_sid: Sid,
  workflow_name: z.string(),
  version_sid: Sid,
  version_number: z.int(),
  current_version_sid: Sid.nullable().describe(
    'The workflow’s current version: differs from `version_sid` after a newer version was saved; null if the workflow was deleted.',
  ),
  status: PlayStatus,
  input_data: orRef(JsonObject),
  output_data: orRef(Json).nullable(),
  error: PlayError.nullable(),
  pending_resumes: z
    .array(ResumeRequest)
    .describe('The oldest 500 open questions (20 in lists); play_pending_resumes returns all of them in pages.'),
  received_resumes: z
    .record(z.string(), orRef(Json))
    .describe('Answers by id of the question; the newest 500 (20 in lists).'),
  prefill_only: z.boolean(),
  total_cost_usd: z.number(),
  attempt: z.int(),
  waits: z.array(PlayWait).describe('Open waits for children and timers; the oldest 500 (20 in lists).'),
  forked_from: Forked.nullable(),
  diverged: JsonObject.nullable().describe('The first difference from what was remembered; null: none.'),
  parent_play_sid: Sid.nullable(),
  parent_span_id: z.string().nullable(),
  sandbox: SandboxReport.nullable(),
  created_at: Time,
  started_at: Time.nullable(),
  completed_at: Time.nullable(),
  duration_ms: z.number().nullable().describe('From the start to the end (or now), waits included, in milliseconds.'),
  spans: z.array(Span).optional(),
  step_outputs: z
    .array(z.object({ step_key: z.string(), name: z.string(), kind: z.enum(['value', 'error']), output: orRef(Json) }))
    .optional(),
  logs: z.array(Log).optional(),
});
export type Play = z.infer<typeof Play>;
