import { matchesGlob } from './globs.js';
import type { Prefill } from './prefill-store.js';

/**
 * The next answer for a question of this name among those that are unused, in their order (longest pattern first): the exact
 * name goes before a glob, a narrower glob before a wider one, and each sequence is taken from its beginning.
 */
export function nextPrefill(unused: readonly Prefill[], name: string): Prefill | undefined {
  const exact = unused.find(({ pattern }) => pattern === name);
  if (exact) return exact;
  // The rows of a sequence stand together, so its pattern is tried once.
  let failed: string | undefined;
  return unused.find(({ pattern }) => {
    if (pattern === failed) return false;
    if (matchesGlob(pattern, name)) return true;
    failed = pattern;
    return false;
  });
}
