import { HeroError, type Json } from '@hero/contracts';
import type { NewPlay } from './start-store.js';

/** Each question looks through those of its play, under the lock of the play's row. */
const MOST_NAMES = 1_000;
const MOST_GLOBS = 100;
const MOST_ANSWERS = 10_000;

/** `{name or glob: payload | [payloads in order]}` as rows: a list is always a sequence. */
export function prefillRows(prefill: Record<string, Json>): NewPlay['prefills'] {
  const patterns = Object.entries(prefill);
  const globs = patterns.filter(([pattern]) => /[*?[]/.test(pattern));
  if (patterns.length > MOST_NAMES) throw tooMany(`has ${patterns.length} names, and may have ${MOST_NAMES}`);
  if (globs.length > MOST_GLOBS) throw tooMany(`has ${globs.length} globs, and may have ${MOST_GLOBS}`);
  const rows = patterns.flatMap(([pattern, given]) =>
    (Array.isArray(given) ? given : [given]).map((payload, pos) => ({
      pattern,
      pos,
      payload: JSON.stringify(payload),
    })),
  );
  if (rows.length > MOST_ANSWERS) throw tooMany(`has ${rows.length} answers, and may have ${MOST_ANSWERS}`);
  return rows;
}

const tooMany = (message: string): HeroError =>
  new HeroError('INVALID_PARAMS', `The play was not started: prefill_resumes ${message}.`, {
    issues: [{ path: 'prefill_resumes', message }],
  });
