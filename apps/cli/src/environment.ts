/** The environment that `up` itself reads. Everything else is passed on to the services, which check their own part. */
export interface UpEnvironment {
  readonly HERO_EXECUTORS: number;
  readonly NATS_URL?: string;
  readonly DATABASE_URL?: string;
}

const MOST_EXECUTORS = 64;

/** A mistake of the user: printed as a sentence, without a stack. */
export class UsageError extends Error {}

/** Variables that have no meaning before their issue has landed: they are refused, not ignored. */
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
  const executors = Number(given.HERO_EXECUTORS ?? 1);
  if (!Number.isInteger(executors)) faults.push('HERO_EXECUTORS must be a whole number');
  else if (executors < 1 || executors > MOST_EXECUTORS)
    faults.push(`HERO_EXECUTORS must be at least 1 and at most ${MOST_EXECUTORS}`);
  if (faults.length > 0)
    throw new UsageError(`The environment is not right:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
  const { NATS_URL, DATABASE_URL } = given;
  return { HERO_EXECUTORS: executors, NATS_URL, DATABASE_URL };
}
