import { matchesGlob } from './globs.js';
import type { Prefill } from './prefill-store.js';

/**
 * The next unused answer for a question of this name. `unused` is ordered (longest pattern first), so that an exact
 * name precedes a glob and a narrow glob a wide one; each sequence is used from its beginning.
 */
export function nextPrefill(unused: readonly Prefill[], name: string): Prefill | undefined {
  const exact = unused.find(({ pattern }) => pattern === name);
  if (exact) return exact;
  // The rows of a sequence are adjacent, so its pattern is tried once.
  let failed: string | undefined;
  return unused.find(({ pattern }) => {
    if (pattern === failed) return false;
    if (matchesGlob(pattern, name)) return true;
    failed = pattern;
    return false;
  });
}
