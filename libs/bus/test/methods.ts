import { contract } from '@hero/contracts';
import { z } from 'zod';

/** Contracts of a service that exists for these tests only. */
export const echo = contract({
  name: 'echo',
  service: 'registry',
  visibility: 'inner',
  summary: 'Answers what it was asked, and who answered.',
  params: z.strictObject({ text: z.string(), times: z.int().min(1).default(1) }),
  result: z.object({ text: z.string(), by: z.string(), caller: z.string() }),
  large: true,
  idempotent: true,
});

export const fail = contract({
  name: 'fail',
  service: 'registry',
  visibility: 'inner',
  summary: 'Fails in the way it is told.',
  params: z.strictObject({ how: z.enum(['conflict', 'unknown', 'away', 'wrong reply']) }),
  result: z.object({ ok: z.literal(true) }),
});

export const work = contract({
  name: 'work',
  service: 'registry',
  visibility: 'inner',
  summary: 'Has an effect each time it is asked, and answers when the test lets it.',
  params: z.strictObject({ key: z.string() }),
  result: z.object({ count: z.int() }),
});

export const wait = contract({
  name: 'wait',
  service: 'registry',
  visibility: 'inner',
  summary: 'Waits until the light is green; at the limit, answers the light as it is.',
  params: z.strictObject({ timeout_ms: z.int().min(0).default(0) }),
  result: z.object({ light: z.enum(['red', 'green']), slices: z.int() }),
  idempotent: true,
  waits: {
    limitMs: (p) => p.timeout_ms,
    slice: (p, sliceMs) => ({ ...p, timeout_ms: sliceMs }),
    done: (_, result) => result.light === 'green',
  },
});
