import { z } from 'zod';

const positive = (name: string, most: number) =>
  z.coerce
    .number({ error: `${name} must be a whole number` })
    .int(`${name} must be a whole number`)
    .min(1, `${name} must be at least 1`)
    .max(most, `${name} must be at most ${most}`);

/** What `up` itself reads; everything else is passed on to the services, which check what is theirs. */
const UpEnvironment = z.object({
  HERO_EXECUTORS: positive('HERO_EXECUTORS', 64).default(1),
  NATS_URL: z.string().optional(),
  DATABASE_URL: z.string().optional(),
});
export type UpEnvironment = z.infer<typeof UpEnvironment>;

/** A fault of the person at the terminal: printed as a sentence, without a stack. */
export class UsageError extends Error {}

/** Environment that has no meaning before its issue has landed: refused, never ignored. */
const NOT_YET: Record<string, string> = {
  HERO_SECRETS_FILE: 'secrets for plays have not landed yet',
  AIBROKER_URL: 'flows that use a language model have not landed yet',
  AIBROKER_API_KEY: 'flows that use a language model have not landed yet',
  AIBROKER_MODEL: 'flows that use a language model have not landed yet',
};

export function readEnvironment(env: NodeJS.ProcessEnv): UpEnvironment {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const faults = Object.entries(NOT_YET).flatMap(([name, why]) =>
    given[name] === undefined ? [] : [`${name} is set, but ${why}; unset it`],
  );
  const parsed = UpEnvironment.safeParse(given);
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => issue.message));
  if (faults.length > 0 || !parsed.success)
    throw new UsageError(`The environment is not right:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
  return parsed.data;
}
