/** The environment that `up` itself reads. Everything else is passed on to the services, which check their own part. */
export interface UpEnvironment {
  readonly HERO_EXECUTORS: number;
  readonly NATS_URL?: string;
  readonly DATABASE_URL?: string;
}

const MOST_EXECUTORS = 64;

/** A mistake of the user: printed as a sentence, without a stack. */
export class UsageError extends Error {}

export function readEnvironment(env: NodeJS.ProcessEnv): UpEnvironment {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const faults: string[] = [];
  const executors = Number(given.HERO_EXECUTORS ?? 1);
  if (!Number.isInteger(executors)) faults.push('HERO_EXECUTORS must be a whole number');
  else if (executors < 1 || executors > MOST_EXECUTORS)
    faults.push(`HERO_EXECUTORS must be at least 1 and at most ${MOST_EXECUTORS}`);
  if (faults.length > 0)
    throw new UsageError(`The environment is not right:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
  const { NATS_URL, DATABASE_URL } = given;
  return { HERO_EXECUTORS: executors, NATS_URL, DATABASE_URL };
}
