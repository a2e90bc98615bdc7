import type { Json } from '@hero/contracts';
import type { Prefill } from './resume-store.js';

/** `{name or glob: payload | [payloads in order]}` as rows: a list is always a sequence. */
export function prefillRows(prefill: Record<string, Json>): Prefill[] {
  return Object.entries(prefill).flatMap(([pattern, given]) =>
    (Array.isArray(given) ? given : [given]).map((payload, pos) => ({
      pattern,
      pos,
      payload: JSON.stringify(payload),
    })),
  );
}

/**
 * The next answer for a question of this name among those that are unused, in their order (longest pattern first): the exact
 * name goes before a glob, a narrower glob before a wider one, and each sequence is taken from its beginning.
 */
export function nextPrefill(unused: readonly Prefill[], name: string): Prefill | undefined {
  return unused.find(({ pattern }) => pattern === name) ?? unused.find(({ pattern }) => matches(pattern, name));
}

/** `*` any characters, `?` one, `[abc]` and `[!abc]` one of these or none of them: as in a shell, case-sensitive. */
export function matches(pattern: string, name: string): boolean {
  const expression = pattern.replace(/\*+|\?|\[!?[^\]]+\]|[\\^$.*+?()[\]{}|/]/g, (part) => {
    if (part.startsWith('*')) return '.*';
    if (part === '?') return '.';
    if (part.length > 1)
      return `[${part
        .slice(1, -1)
        .replace(/^!/, '^')
        .replaceAll(/[\\[\]]/g, '\\$&')}]`;
    return `\\${part}`;
  });
  try {
    return new RegExp(`^${expression}$`, 'su').test(name);
  } catch {
    // A class such as [z-a]: nothing is in it.
    return false;
  }
}
