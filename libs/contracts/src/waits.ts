/** What the branches of a play wait for, and the two requests that record it: `play_ask` while others work, `play_pause` when all rest. */
import { z } from 'zod';
import { contract } from './contract.js';
import { Diverged, fence, MemoryRole, ParentPlace, RemainingMs } from './runs.js';
import { EventsMark } from './span-methods.js';
import { JsonObject, JsonText } from './values.js';

/** What a branch of a play waits for. Only `question` is shown to people and answered from outside. */
export const WaitKind = z.enum(['question', 'timer', 'child']);
export type WaitKind = z.infer<typeof WaitKind>;

/** Something that is waited for. Of a `child` only kind, place and name matter: `play_spawn` has recorded the wait already. */
export const Question = z.object({
  kind: WaitKind.default('question'),
  place: z.string(),
  parent_place: ParentPlace,
  span_id: z.string(),
  name: z.string(),
  schema: JsonObject.nullable(),
  ui: JsonObject.nullable(),
  timeout_ms: z.int().min(0).nullable(),
  default: JsonText.nullable().describe('What the timeout answers; null: the timeout is an error at the pause.'),
  role: MemoryRole.default('pause'),
  links: z
    .array(z.string())
    .max(100)
    .default([])
    .describe(
      'Ids of the links (`play_hook`) that were made for this question: an answer to one of them is its answer.',
    ),
});
export type Question = z.infer<typeof Question>;

/** The outcome of something that was waited for. */
export const WaitAnswer = z.object({
  place: z.string(),
  kind: z
    .enum(['answer', 'error', 'refused'])
    .describe('`refused`: this question cannot be asked; the payload is {code, message}, and nothing is remembered.'),
  payload: JsonText,
});
export type WaitAnswer = z.infer<typeof WaitAnswer>;

const Withdrawn = z
  .array(z.string())
  .default([])
  .describe('Places of waits whose branch was cancelled: nobody is asked any more.');
const Answers = z.array(WaitAnswer).describe('In the order in which they were answered.');
const More = z.boolean().default(false).describe('There are more answers than fit into one reply: ask again.');

export const playAsk = contract({
  name: 'play_ask',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Records what a running play begins to wait for, and hands over what was answered meanwhile.',
  description:
    'A group of the epoch like a step commit. Questions are recorded once: one that is known stays as it is, its ' +
    '`expires_at` too. The reply has the answers of everything that was asked in this epoch and that no earlier group, ' +
    'claim or pause has taken; a timer that is due counts as answered. Without questions it only takes answers. ' +
    '`ended`: the play was prefill_only and has failed; the process is to be killed.',
  params: z.strictObject({
    ...fence,
    group: z.int().min(1).describe('Next number of the epoch’s groups.'),
    cost_usd: z.number().min(0),
    questions: z.array(Question),
    withdrawn: Withdrawn,
    diverged: Diverged,
  }),
  result: z.object({
    result: z.enum(['answered', 'ended', 'fenced', 'refused']),
    answers: Answers,
    more: More,
    resume_ids: z.array(z.string()).describe('Ids of the questions that are new and open: somebody may answer them.'),
    message: z.string().optional(),
  }),
  idempotent: true,
});

export const playPause = contract({
  name: 'play_pause',
  service: 'registry',
  visibility: 'inner',
  large: true,
  summary: 'Commits the open questions of a play of which every open leaf waits.',
  description:
    'Everything that was asked in this epoch counts, by `play_ask` or here: where some of it is answered (prefill, early ' +
    'answer) the answers come back and the process goes on; else the play is suspended: the process must exit with 75, and no further write of this epoch is accepted. Without ' +
    'questions and with `replay` the play is suspended and becomes pending at once (always-replay tests). `ended`: the ' +
    'play was prefill_only and has failed; the process is to be killed. With `linger` nothing is suspended where a child ' +
    'or a timer may end soon: `waiting` says that the questions are recorded and the play’s own time stands still; the ' +
    'executor asks again, with the next group and without `linger`, when it is notified that something was answered, or ' +
    'after 2 s.',
  params: z.strictObject({
    ...fence,
    group: z.int().min(1).describe('Next number of the epoch’s groups.'),
    cost_usd: z.number().min(0),
    questions: z.array(Question),
    withdrawn: Withdrawn,
    replay: z.boolean().default(false),
    linger: z.boolean().default(false),
    park: z.boolean().default(false).describe('Suspend whatever is answered; what is wakes the play at once.'),
    diverged: Diverged,
    events: EventsMark.nullable(),
  }),
  result: z.object({
    result: z.enum(['answered', 'suspended', 'waiting', 'ended', 'fenced', 'refused']),
    answers: Answers,
    more: More,
    resume_ids: z.array(z.string()).describe('Ids of the open questions that somebody may answer.'),
    remaining_ms: RemainingMs.optional().describe('With `answered`: what is left of the play’s own time limit.'),
    message: z.string().optional(),
  }),
  idempotent: true,
});
