/** Contracts of the public methods of plays. */
import { z } from 'zod';
import { contract } from './contract.js';
import { keptJson, keptObject } from './json.js';
import { RawJson } from './raw-json.js';
import { isFinal } from './play-status.js';
import { SpanId } from './spans.js';
import { Play, PlayStatus, ResumeRequest } from './plays.js';
import { Cursor, Json, JsonObject, Limit, Name, Ok, orRef, paged, ResumeId, Sid, Text, Time } from './values.js';

const TimeoutMs = z
  .int()
  .min(1)
  .max(365 * 24 * 3600 * 1000);

const startFields = {
  workflow_sid: Sid.optional(),
  workflow_name: Name.optional(),
  input_data: keptObject.default(new RawJson('{}')).describe('Default: {}.'),
  name: Name.optional().describe('Default: the workflow’s name.'),
  version_sid: Sid.optional().describe('Default: the current version.'),
  prefill_resumes: keptObject
    .optional()
    .describe('Answers by question name or glob; a list is a sequence of answers. An exact name goes before a glob.'),
  idempotency_key: Text.min(1).max(200).optional().describe('The same key returns the same play.'),
  timeout_ms: TimeoutMs.optional().describe('Limit of the play’s own running time, waits excluded.'),
};
const oneWorkflow = (p: { workflow_sid?: string; workflow_name?: string }) =>
  (p.workflow_sid === undefined) !== (p.workflow_name === undefined);
const oneWorkflowFault = { message: 'give either workflow_sid or workflow_name', path: ['workflow_sid'] };

export const playStart = contract({
  name: 'play_start',
  service: 'registry',
  role: 'runner',
  large: true,
  summary: 'Starts a play of a workflow and returns it as `pending`.',
  description: 'Inputs are checked against the version’s declaration: every fault at once in `data.issues`.',
  params: z.strictObject(startFields).refine(oneWorkflow, oneWorkflowFault),
  result: Play,
  errors: ['NOT_FOUND', 'INVALID_PARAMS', 'CONFLICT', 'PAYLOAD_TOO_LARGE'],
});

export const playRunAsync = contract({
  name: 'play_run_async',
  service: 'registry',
  role: 'runner',
  large: true,
  summary: 'Starts a play like play_start and returns only its sid.',
  params: z
    .strictObject({ ...startFields, parent_span_id: SpanId.optional(), parent_play_sid: Sid.optional() })
    .refine(oneWorkflow, oneWorkflowFault),
  result: Sid,
  errors: ['NOT_FOUND', 'INVALID_PARAMS', 'CONFLICT', 'PAYLOAD_TOO_LARGE'],
});

export const playStatus = contract({
  name: 'play_status',
  service: 'registry',
  summary: 'A play as it is now.',
  params: z.strictObject({
    play_sid: Sid,
    include: z
      .array(z.enum(['spans', 'step_outputs', 'logs']))
      .default([])
      .describe('`spans` and `logs` are joined from span-ingest by the gateway.'),
  }),
  result: Play,
  whole: 'output_data',
  errors: ['NOT_FOUND'],
  idempotent: true,
});

/** Whether a wait with this `until` ends now. `asks`: some question is open, with or without a form. */
export const isOver = (status: PlayStatus, asks: boolean, until: 'final' | 'settled'): boolean =>
  isFinal(status) || (until === 'settled' && status === 'awaiting_resume' && asks);

export const playWait = contract({
  name: 'play_wait',
  service: 'registry',
  summary: 'Waits until a play is final (or settled) and returns it; at the limit, returns it as it then is.',
  description:
    '`settled` also returns when a question of the play is open, but not when it waits for children or timers. ' +
    '`timeout_ms` 0 means no limit. An event ends the wait; nothing is polled.',
  params: z.strictObject({
    play_sid: Sid,
    timeout_ms: z.int().min(0).default(0),
    until: z.enum(['final', 'settled']).default('final'),
  }),
  result: Play,
  whole: 'output_data',
  errors: ['NOT_FOUND'],
  idempotent: true,
  waits: {
    limitMs: (p) => p.timeout_ms,
    slice: (p, sliceMs) => ({ ...p, timeout_ms: sliceMs }),
    done: (p, { status, pending_resumes }) => isOver(status, pending_resumes.length > 0, p.until),
  },
});

export const playList = contract({
  name: 'play_list',
  service: 'registry',
  summary: 'Plays, newest first.',
  params: z.strictObject({
    workflow_sid: Sid.optional(),
    version_sid: Sid.optional(),
    status: z.union([PlayStatus, z.array(PlayStatus).min(1)]).optional(),
    parent_play_sid: Sid.optional(),
    text: Text.max(500).optional().describe('Part of the name, the workflow name or the error; case is ignored.'),
    input: JsonObject.optional().describe('An object that the input must contain.'),
    since: Time.optional(),
    until: Time.optional(),
    limit: Limit,
    cursor: Cursor.optional(),
  }),
  result: paged(Play),
  idempotent: true,
});

export const playPayload = contract({
  name: 'play_payload',
  service: 'registry',
  summary: 'Fetches a large value for which a reply or an event has {"$size", "$ref"}.',
  description:
    'The value has at most 16 MiB. `output` and `input` are references of every play; all others are taken from a reply. ' +
    'A reference to a value that has changed returns its present state.',
  params: z.strictObject({ play_sid: Sid, ref: Text.min(1).max(200).describe('`$ref`, unchanged.') }),
  result: Json,
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const playCancel = contract({
  name: 'play_cancel',
  service: 'registry',
  role: 'runner',
  summary: 'Cancels a play in any state that is not final, with its spawned children.',
  params: z.strictObject({ play_sid: Sid, reason: Text.max(1000).default('') }),
  result: Play,
  errors: ['NOT_FOUND', 'INVALID_STATE'],
});

export const playResume = contract({
  name: 'play_resume',
  service: 'registry',
  role: 'runner',
  large: true,
  summary: 'Answers a question of a play, by its id or its name.',
  description:
    'The answer is checked against the question’s schema before the play wakes: faults are INVALID_PARAMS with ' +
    'issues under `payload`. By name the oldest open question is answered; if none is open and one was answered, ' +
    'ALREADY_RESUMED with `details.resumed_at`; else the answer is kept until the play asks that question.',
  params: z
    .strictObject({
      play_sid: Sid,
      resume_id: ResumeId.optional(),
      name: Name.optional(),
      payload: keptJson.describe('Any JSON value.'),
    })
    .refine((p) => (p.resume_id === undefined) !== (p.name === undefined), {
      message: 'give either resume_id or name',
      path: ['resume_id'],
    }),
  result: z.object({
    ok: z.literal(true),
    resumed_at: Time,
    kept: z.boolean().describe('The play has not asked this question yet; the answer is kept for it.'),
  }),
  errors: ['NOT_FOUND', 'INVALID_PARAMS', 'INVALID_STATE', 'ALREADY_RESUMED', 'PAYLOAD_TOO_LARGE'],
});

export const playPendingResumes = contract({
  name: 'play_pending_resumes',
  service: 'registry',
  summary: 'Open questions of one play, or of all plays; oldest first.',
  params: z.strictObject({
    play_sid: Sid.optional(),
    limit: z.int().min(1).max(500).default(500),
    after: ResumeId.optional().describe(
      'Returns only questions that were asked after this one; pass the last of the page before.',
    ),
  }),
  result: z.array(ResumeRequest),
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const playRetry = contract({
  name: 'play_retry',
  service: 'registry',
  role: 'runner',
  summary: 'Runs a failed or timed out play again: remembered values stay, the errors it ended with are dropped.',
  params: z.strictObject({ play_sid: Sid }),
  result: Play,
  errors: ['NOT_FOUND', 'INVALID_STATE'],
});

export const playFork = contract({
  name: 'play_fork',
  service: 'registry',
  role: 'runner',
  large: true,
  summary: 'Starts a new play that inherits what another one had committed before a step.',
  description:
    'Without `from_span_id` the new play inherits everything that was committed; with the root span it inherits nothing ' +
    'and starts from the beginning. On another version it keeps only the outcomes of functions whose source did not change; ' +
    '`forked_from` of the new play says what was kept, what was not, and why.',
  params: z.strictObject({
    play_sid: Sid,
    from_span_id: SpanId.optional(),
    input_data: keptObject.optional().describe('Default: the input of the other play.'),
    version_sid: Sid.optional().describe('Default: the version of the other play.'),
  }),
  result: Play,
  errors: ['NOT_FOUND', 'INVALID_PARAMS', 'INVALID_STATE', 'PAYLOAD_TOO_LARGE'],
});

const DAY_MS = 24 * 3600_000;

export const playHook = contract({
  name: 'play_hook',
  service: 'registry',
  role: 'runner',
  summary: 'Makes a signed link that answers one question, once, and gives no other right.',
  description:
    'If the play has not asked the question yet, the answer is kept for it. `path` is `/hooks/resume/<token>` at the gateway; ' +
    'the body of the POST is the answer, at most 1 MiB unless the question’s schema sets a higher bound. A link that is unknown, ' +
    'expired or used, and an answer that does not fit, get the same 404.',
  params: z.strictObject({
    play_sid: Sid,
    resume_id: ResumeId,
    name: Name.optional().describe(
      'The pause that the link is for. If the call that made the link has finished and no pause will have its id, the link is for the next pause of this name.',
    ),
    parent_place: Text.max(64).default('').describe('Place of the call that makes the link.'),
    expires_in_ms: z
      .int()
      .min(1)
      .max(366 * DAY_MS)
      .default(30 * DAY_MS)
      .describe('How long the link is valid, in milliseconds; at most 366 days.'),
  }),
  result: z.object({ token: z.string(), path: z.string(), expires_at: Time }),
  errors: ['NOT_FOUND', 'INVALID_STATE'],
  idempotent: true,
});

/** The claims of a link and their signature, both in base64url. */
export const HookToken = z
  .string()
  .max(300)
  .regex(/^[\w-]{40,}\.[\w-]{27}$/, 'is not a link of this system');

/** Inner: the gateway asks this before it reads the body of the answer. */
export const hookCheck = contract({
  name: 'hook_check',
  service: 'registry',
  visibility: 'inner',
  summary: 'Whether a signed link is valid now, and how large its answer may be.',
  params: z.strictObject({ token: HookToken }),
  result: z.object({ max_bytes: z.int() }),
  errors: ['NOT_FOUND', 'INVALID_STATE', 'ALREADY_RESUMED'],
  idempotent: true,
});

export const hookResume = contract({
  name: 'hook_resume',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Answers the question that a signed link names.',
  params: z.strictObject({ token: HookToken, payload: keptJson.describe('Any JSON value.') }),
  result: playResume.result,
  errors: ['NOT_FOUND', 'INVALID_PARAMS', 'INVALID_STATE', 'ALREADY_RESUMED', 'PAYLOAD_TOO_LARGE'],
});

/** Inner: the outputs that were too large for the events; the gateway adds them to spans. */
export const spanOutputs = contract({
  name: 'span_outputs',
  service: 'registry',
  visibility: 'inner',
  summary: 'The outputs of steps, answers of waits and the output of the play, by span; large ones as references.',
  params: z.strictObject({ play_sid: Sid, span_ids: z.array(SpanId).max(1000) }),
  result: z.object({ outputs: z.record(z.string(), orRef(Json)) }),
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const playDelete = contract({
  name: 'play_delete',
  service: 'registry',
  role: 'runner',
  summary: 'Deletes a final play with its spans.',
  params: z.strictObject({ play_sid: Sid }),
  result: Ok,
  errors: ['NOT_FOUND', 'INVALID_STATE'],
});
