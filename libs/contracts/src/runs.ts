/** Contracts between executor and registry: claim, commit, pause, ask, spawn and end of a play. */
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
export const fence = {
  owner: z.string().describe('Instance of the executor.'),
  play_sid: Sid,
  epoch: z.int().min(1),
};

/** Place of the nearest enclosing call (or try) that memory knows; empty: the root. Golden: conformance/golden/places.json. */
export const ParentPlace = z.string().default('');

/** What a remembered thing is; its name is only what people read. */
export const MemoryRole = z.enum([
  'call',
  'try',
  'value',
  'sleep',
  'backoff',
  'timeout',
  'invoke',
  'resolve',
  'decision',
  'pause',
  'request',
]);
export type MemoryRole = z.infer<typeof MemoryRole>;

export const StepOutcome = z.object({
  place: z.string(),
  parent_place: ParentPlace,
  step_key: z.string(),
  span_id: z.string(),
  name: z.string(),
  role: MemoryRole.default('call'),
  kind: z
    .enum(['value', 'error', 'begun'])
    .describe('`begun`: an at_most_once step that starts now; its value or error takes the place of this item.'),
  outcome: JsonText.describe(
    'The value; or {type, module, message, data, traceback, span} of the error; or {begins} of what has begun.',
  ),
  function_sha256: z.string().default('').describe('Empty for what is no function of a source: now, sleep, call …'),
});
export type StepOutcome = z.infer<typeof StepOutcome>;

/**
 * One remembered thing: its place, its kind, its JSON text, its parent place, its name and its role. `answer` is the answer to
 * a pause, the end of a timer or the output of a child; what failed of those is an `error`. Pages carry the items in the order
 * in which they were committed or handed to the play (decision 13).
 */
export const MemoryItem = z.tuple([
  z.string(),
  z.enum(['value', 'error', 'begun', 'answer']),
  JsonText,
  z.string(),
  z.string(),
  MemoryRole,
]);
export type MemoryItem = z.infer<typeof MemoryItem>;
export const MemoryPage = z.object({ items: z.array(MemoryItem), next: z.string().nullable() });
export type MemoryPage = z.infer<typeof MemoryPage>;

export const RemainingMs = z
  .number()
  .nullable()
  .describe('What is left of the play’s own time limit; null: it has none.');

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
  requirements: z.array(z.string()).describe('The packages that the version requires; empty: none.'),
  input: JsonText,
  remaining_ms: RemainingMs,
  parent_span_id: z.string().nullable().describe('The span of the caller that the root span hangs under.'),
  grants: z.array(z.string()).describe('Methods that the play may call, beside those that every play may.'),
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

/** The first thing that this attempt did not ask for again although it is remembered (docs/protocol.md, section 7). */
export const Diverged = JsonObject.nullable()
  .default(null)
  .describe('{reason, name, place, kind, parent} of the first difference to what is remembered; null: none so far.');

export const StepGroup = z.object({
  play_sid: Sid,
  epoch: z.int(),
  group: z.int().min(1).describe('Numbered from 1 within the epoch, without holes: a repeated one is applied once.'),
  cost_usd: z.number().min(0),
  steps: z.array(StepOutcome),
  diverged: Diverged,
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
    failed_at: z
      .array(z.string())
      .default([])
      .describe('Every span that the final error passed through: of groups each member, and explicit causes.'),
    cost_usd: z.number().min(0),
    diverged: Diverged,
    events: EventsMark.nullable(),
  }),
  result: GroupResult,
  idempotent: true,
});

export const ExitCause = z.object({
  kind: z.enum(['exited', 'signalled', 'protocol', 'time_limit', 'limit', 'not_started', 'packages']),
  code: z.int().nullable().describe('Exit code.'),
  signal: z.string().nullable(),
  message: z
    .string()
    .default('')
    .describe('What a person reads; for `protocol`, `limit`, `not_started` and `packages` what was wrong.'),
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

export const playSpawn = contract({
  name: 'play_spawn',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Starts a child of a running play, and records that the play waits for it.',
  description:
    'The child is inserted in the transaction that fences its parent; the id of the wait comes from the place, so that ' +
    'a repeated request names the same child. Its end answers the wait: the output, or a ChildFailed error.',
  params: z.strictObject({
    ...fence,
    place: z.string(),
    parent_place: ParentPlace,
    span_id: z.string(),
    workflow_name: z.string(),
    version_sid: Sid.nullable().describe('Null: the current version.'),
    input: JsonText,
  }),
  result: z.object({
    result: z.enum(['spawned', 'fenced', 'refused']),
    child_play_sid: Sid.nullable(),
    code: z.string().optional(),
    message: z.string().optional(),
  }),
  idempotent: true,
});

export const playResolve = contract({
  name: 'play_resolve',
  service: 'registry',
  visibility: 'inner',
  summary: 'The source of a workflow that a running play invokes in its own process.',
  params: z.strictObject({ ...fence, workflow_name: z.string(), version_sid: Sid.nullable() }),
  result: z.object({
    workflow_name: z.string(),
    workflow_sid: Sid,
    version_sid: Sid,
    version_number: z.int(),
    source: z.string(),
    entry: z.string(),
  }),
  errors: ['NOT_FOUND', 'INVALID_STATE'],
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
    instance: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .describe('Part of the subject that it listens on.'),
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

/** What `hero.events.executor.<instance>` carries: claims that are no longer its own, and lingering plays with an answer. */
export const ExecutorNotice = z.object({ gone: z.array(Held).default([]), answered: z.array(Held).default([]) });
export type ExecutorNotice = z.infer<typeof ExecutorNotice>;

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
