import { HeroError } from '@hero/contracts';

/** Limits of prefilled answers, because each question searches those of its play under the lock of the play's row. */
const MOST_NAMES = 1_000;
const MOST_GLOBS = 100;
const MOST_ANSWERS = 10_000;

export function refuseTooMany(prefills: readonly { pattern: string }[]): void {
  const names = new Set(prefills.map(({ pattern }) => pattern));
  const globs = Array.from(names).filter((name) => /[*?[]/.test(name)).length;
  if (names.size > MOST_NAMES) throw tooMany(`has ${names.size} names, and may have ${MOST_NAMES}`);
  if (globs > MOST_GLOBS) throw tooMany(`has ${globs} globs, and may have ${MOST_GLOBS}`);
  if (prefills.length > MOST_ANSWERS) throw tooMany(`has ${prefills.length} answers, and may have ${MOST_ANSWERS}`);
}

const tooMany = (message: string): HeroError =>
  new HeroError('INVALID_PARAMS', `The play was not started: prefill_resumes ${message}.`, {
    issues: [{ path: 'prefill_resumes', message }],
  });
