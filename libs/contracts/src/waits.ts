/** What the branches of a play wait for, and the two requests that record it: `play_ask` while others work, `play_pause` when all rest. */
import { z } from 'zod';
import { contract } from './contract.js';
import { Diverged, fence, MemoryRole, ParentPlace, RemainingMs } from './runs.js';
import { EventsMark } from './span-methods.js';
import { JsonObject, JsonText } from './values.js';

/** The kinds of waits of a play. Only a `question` is shown to people and answered from outside. */
export const WaitKind = z.enum(['question', 'timer', 'child']);
export type WaitKind = z.infer<typeof WaitKind>;

/** One wait. Of a `child` only kind, place and name matter: `play_spawn` has already recorded the wait. */
export const Question = z.object({
  kind: WaitKind.default('question'),
  place: z.string(),
  parent_place: ParentPlace,
  span_id: z.string(),
  name: z.string(),
  schema: JsonObject.nullable(),
  ui: JsonObject.nullable(),
  timeout_ms: z.int().min(0).nullable(),
  default: JsonText.nullable().describe('The answer at the timeout; null: the timeout raises an error at the pause.'),
  role: MemoryRole.default('pause'),
  links: z
    .array(z.string())
    .max(100)
    .default([])
    .describe('Ids of the links (`play_hook`) that were made for this question; an answer to one of them answers it.'),
});
export type Question = z.infer<typeof Question>;

/** The outcome of a wait. */
export const WaitAnswer = z.object({
  place: z.string(),
  kind: z
    .enum(['answer', 'error', 'refused'])
    .describe('`refused`: the question was invalid; the payload is {code, message}, and nothing is remembered.'),
  payload: JsonText,
});
export type WaitAnswer = z.infer<typeof WaitAnswer>;

const Withdrawn = z
  .array(z.string())
  .default([])
  .describe('Places of waits whose branch was cancelled; they are no longer open.');
const Answers = z.array(WaitAnswer).describe('In the order in which they were answered.');
const More = z.boolean().default(false).describe('More answers than fit into one reply: ask again.');

/** The parameters that both requests have. */
const request = {
  ...fence,
  group: z.int().min(1).describe('Next number of the epoch’s groups.'),
  cost_usd: z.number().min(0),
  questions: z.array(Question),
  withdrawn: Withdrawn,
  diverged: Diverged,
};

export const playAsk = contract({
  name: 'play_ask',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Records the new waits of a running play, and returns the answers that arrived meanwhile.',
  description:
    'This is a group of the epoch, like a step commit. Questions are recorded once: a known question stays unchanged, also its ' +
    '`expires_at`. The reply has the answers to all waits of this epoch that no earlier group, ' +
    'claim or pause has taken; a timer that is due counts as answered. Without questions it only takes answers. ' +
    '`ended`: the play was prefill_only and has failed; the executor must kill its process.',
  params: z.strictObject({
    ...request,
  }),
  result: z.object({
    result: z.enum(['answered', 'ended', 'fenced', 'refused']),
    answers: Answers,
    more: More,
    resume_ids: z
      .array(z.string())
      .describe('Ids of the questions that are new and open, so that they can be answered.'),
    message: z.string().optional(),
  }),
  idempotent: true,
});

export const playPause = contract({
  name: 'play_pause',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Commits the open questions of a play in which every open leaf waits.',
  description:
    'All waits of this epoch count, those of `play_ask` and those of this call. If some are answered (by prefill or an early ' +
    'answer), the reply has the answers and the process continues; else the play is suspended: the process must exit with 75, and no further write of this epoch is accepted. Without ' +
    'questions and with `replay` the play is suspended and becomes pending immediately (always-replay tests). `ended`: the ' +
    'play was prefill_only and has failed; the executor must kill its process. With `linger` the play is not suspended if a child ' +
    'or a timer may end soon: `waiting` says that the questions are recorded and the play’s own time limit is paused; the ' +
    'executor asks again, with the next group and without `linger`, when it is notified that something was answered, or ' +
    'after 2 s.',
  params: z.strictObject({
    ...request,
    replay: z.boolean().default(false),
    linger: z.boolean().default(false),
    park: z
      .boolean()
      .default(false)
      .describe('Suspends the play even if a wait is answered; an answer then makes it pending immediately.'),
    events: EventsMark.nullable(),
  }),
  result: z.object({
    result: z.enum(['answered', 'suspended', 'waiting', 'ended', 'fenced', 'refused']),
    answers: Answers,
    more: More,
    resume_ids: z.array(z.string()).describe('Ids of the open questions.'),
    remaining_ms: RemainingMs.optional().describe('With `answered`: time left of the play’s own limit.'),
    message: z.string().optional(),
  }),
  idempotent: true,
});
