import { z } from 'zod';
import { contract } from './contract.js';
import { EventsMark } from './span-methods.js';
import { PlayError, PlayStatus, SandboxReport } from './plays.js';
import { JsonObject, JsonText, Sid } from './values.js';

/**
 * Executor ↔ registry. Every write names play, epoch and owner, and its transaction locks the play's row with those
 * values and `running` (the fence, I2). All of them may be sent again after a lost reply: the same epoch and the same
 * content is answered as done.
 */
const fence = {
  owner: z.string().describe('Instance of the executor.'),
  play_sid: Sid,
  epoch: z.int().min(1),
};

export const StepOutcome = z.object({
  place: z.string(),
  step_key: z.string(),
  span_id: z.string(),
  name: z.string(),
  kind: z.enum(['value', 'error']),
  outcome: JsonText.describe('The value, or {type, module, message, data, traceback} of the error.'),
  function_sha256: z.string().default(''),
});
export type StepOutcome = z.infer<typeof StepOutcome>;

/** One remembered thing: its place, what it is, and its JSON text. `answer` is the answer to a pause. */
export const MemoryItem = z.tuple([z.string(), z.enum(['value', 'error', 'answer']), JsonText]);
export type MemoryItem = z.infer<typeof MemoryItem>;
export const MemoryPage = z.object({ items: z.array(MemoryItem), next: z.string().nullable() });
export type MemoryPage = z.infer<typeof MemoryPage>;

/** Everything an executor needs to run one attempt. */
export const Run = z.object({
  play_sid: Sid,
  epoch: z.int(),
  attempt: z.int(),
  version_sid: Sid,
  workflow_name: z.string(),
  source: z.string(),
  entry: z.string(),
  options: JsonObject,
  input: JsonText,
  remaining_ms: z.number().nullable().describe('What is left of the play’s own time limit.'),
  memory: MemoryPage,
});
export type Run = z.infer<typeof Run>;

export const WorkMessage = z.object({ play_sid: Sid, run_seq: z.int() });
export type WorkMessage = z.infer<typeof WorkMessage>;

export const playClaim = contract({
  name: 'play_claim',
  service: 'registry',
  visibility: 'inner',
  summary: 'Takes a pending play for one attempt; null where it is no longer to be had.',
  params: z.strictObject({ owner: z.string(), play_sid: Sid, run_seq: z.int(), sandbox: SandboxReport }),
  result: z.object({ run: Run.nullable() }),
});

export const playMemory = contract({
  name: 'play_memory',
  service: 'registry',
  visibility: 'inner',
  summary: 'The next page of a claimed play’s memory.',
  params: z.strictObject({ ...fence, next: z.string() }),
  result: MemoryPage,
  idempotent: true,
});

export const StepGroup = z.object({
  play_sid: Sid,
  epoch: z.int(),
  group: z.int().min(1).describe('Numbered from 1 within the epoch, without holes: a repeated one is applied once.'),
  cost_usd: z.number().min(0),
  steps: z.array(StepOutcome),
});
export type StepGroup = z.infer<typeof StepGroup>;

export const GroupResult = z.object({
  result: z
    .enum(['done', 'fenced', 'refused', 'busy'])
    .describe('`busy` (step_commit only): somebody holds the play’s row; nothing was written, send the group again.'),
  message: z.string().optional(),
});
export type GroupResult = z.infer<typeof GroupResult>;

export const stepCommit = contract({
  name: 'step_commit',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Commits the outcomes of steps, many plays in one transaction, each answered on its own.',
  params: z.strictObject({ owner: z.string(), groups: z.array(StepGroup).min(1).max(1000) }),
  result: z.object({ results: z.array(GroupResult).describe('In the order of `groups`.') }),
  idempotent: true,
});

export const Question = z.object({
  place: z.string(),
  span_id: z.string(),
  name: z.string(),
  schema: JsonObject.nullable(),
  ui: JsonObject.nullable(),
  timeout_ms: z.int().min(0).nullable(),
  default: JsonText.nullable().describe('What the timeout answers; null: the timeout is an error at the pause.'),
});
export type Question = z.infer<typeof Question>;

export const playPause = contract({
  name: 'play_pause',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Commits the open questions of a play of which every open leaf waits.',
  description:
    'Where some are answered already (prefill, early answer) the answers come back and the process goes on; else the ' +
    'play is suspended: the process must exit with 75, and no further write of this epoch is accepted. Without ' +
    'questions and with `replay` the play is suspended and becomes pending at once (always-replay tests). `ended`: the ' +
    'play was prefill_only and has failed; the process is to be killed.',
  params: z.strictObject({
    ...fence,
    group: z.int().min(1).describe('Next number of the epoch’s groups.'),
    cost_usd: z.number().min(0),
    questions: z.array(Question),
    replay: z.boolean().default(false),
    events: EventsMark.nullable(),
  }),
  result: z.object({
    result: z.enum(['answered', 'suspended', 'ended', 'fenced', 'refused']),
    answers: z.array(z.object({ place: z.string(), payload: JsonText })),
    resume_ids: z.array(z.string()),
    message: z.string().optional(),
  }),
  idempotent: true,
});

export const playEnd = contract({
  name: 'play_end',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Commits the end of a play: its output or its error.',
  params: z.strictObject({
    ...fence,
    status: z.enum(['success', 'failed']),
    output: JsonText.nullable().describe('Of a failed play: the last output of a step, where there was one.'),
    error: PlayError.nullable(),
    cost_usd: z.number().min(0),
    events: EventsMark.nullable(),
  }),
  result: GroupResult,
  idempotent: true,
});

export const ExitCause = z.object({
  kind: z.enum(['exited', 'signalled', 'protocol', 'time_limit', 'limit', 'not_started']),
  code: z.int().nullable().describe('Exit code.'),
  signal: z.string().nullable(),
  message: z
    .string()
    .default('')
    .describe('What a person reads; for `protocol`, `limit` and `not_started` what was wrong.'),
});
export type ExitCause = z.infer<typeof ExitCause>;

export const playExit = contract({
  name: 'play_exit',
  service: 'registry',
  visibility: 'inner',
  summary: 'Reports that the process of an attempt is gone, and how.',
  description:
    'After a committed end: nothing. After a committed pause: `awaiting_resume`, or `pending` where an answer came ' +
    'meanwhile. Else the play has failed (or timed out), and `error.type` says how.',
  params: z.strictObject({ ...fence, cause: ExitCause, events: EventsMark.nullable() }),
  result: z.object({ status: PlayStatus.nullable().describe('Null: fenced.') }),
  idempotent: true,
});

const Held = z.object({ play_sid: Sid, epoch: z.int() });

export const playRelease = contract({
  name: 'play_release',
  service: 'registry',
  visibility: 'inner',
  summary: 'Gives plays back uncounted: a drain, a lost lease. They become pending again.',
  params: z.strictObject({ owner: z.string(), plays: z.array(Held).max(10_000) }),
  result: z.object({ released: z.int() }),
  idempotent: true,
});

export const executorLease = contract({
  name: 'executor_lease',
  service: 'registry',
  visibility: 'inner',
  summary: 'Renews an executor’s lease; every second. The answer names the plays that are no longer its own.',
  params: z.strictObject({
    instance: z.string(),
    host: z.string(),
    pid: z.int(),
    slots: z.int(),
    busy: z.int(),
    draining: z.boolean(),
    plays: z
      .array(Held)
      .max(10_000)
      .describe('What it runs now. What the registry thinks it runs beyond that is released.'),
  }),
  result: z.object({
    lease_ms: z.int().describe('How long the lease lives from the moment the request was sent.'),
    gone: z.array(Held),
  }),
  idempotent: true,
});

/** Inner: where the history of a play ends, null while it is not final. */
export const playEventsMark = contract({
  name: 'play_events_mark',
  service: 'registry',
  visibility: 'inner',
  summary: 'The last batch of events that an ended play sent.',
  params: z.strictObject({ play_sid: Sid }),
  result: z.object({ mark: EventsMark.nullable() }),
  errors: ['NOT_FOUND'],
  idempotent: true,
});
