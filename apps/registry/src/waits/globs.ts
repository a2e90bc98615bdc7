/**
 * Globs of prefilled answers, case-sensitive as in a shell: `*` matches any characters, `?` one, `[abc]` and `[a-z]` one of these,
 * `[!abc]` one other. A `[` without a closing `]` stands for itself.
 *
 * This does not use regular expressions, because `*a*a*a*b` becomes one that backtracks without end. Here only the last `*` is ever
 * extended. That is enough: everything that an earlier `*` could match in addition, the last one can match too. So a match takes at
 * most length of the pattern × length of the name comparisons.
 */
type Token = '*' | ((char: string) => boolean);

/** `compared` is called for each comparison. */
export function matchesGlob(pattern: string, name: string, compared: () => void = () => undefined): boolean {
  const tokens = tokensOf(pattern);
  const chars = Array.from(name);
  let at = 0;
  let star = -1;
  /** Position in the name after the characters that the last `*` matches. */
  let after = 0;
  for (let n = 0; n < chars.length; ) {
    const token = tokens[at];
    compared();
    if (token === '*') {
      star = at++;
      after = n;
    } else if (token?.(chars[n] ?? '')) {
      at++;
      n++;
    } else if (star >= 0) {
      at = star + 1;
      n = ++after;
    } else return false;
  }
  while (tokens[at] === '*') at++;
  return at === tokens.length;
}

function tokensOf(pattern: string): Token[] {
  return Array.from(pattern.matchAll(/\*+|\[!?[^\]]+\]|./gsu), ([part]): Token => {
    if (part.startsWith('*')) return '*';
    if (part === '?') return () => true;
    return part.length > 2 && part.startsWith('[') ? classOf(part.slice(1, -1)) : (char) => char === part;
  });
}

/** Matches one character against a set of characters and ranges. */
function classOf(inner: string): (char: string) => boolean {
  const negated = inner.startsWith('!');
  const chars = Array.from(negated ? inner.slice(1) : inner);
  const ranges: [string, string][] = [];
  for (let n = 0; n < chars.length; n++) {
    const first = chars[n] ?? '';
    const last = chars[n + 1] === '-' ? chars[n + 2] : undefined;
    ranges.push([first, last ?? first]);
    if (last !== undefined) n += 2;
  }
  const codeOf = (char: string): number => char.codePointAt(0) ?? 0;
  return (char) =>
    ranges.some(([first, last]) => codeOf(first) <= codeOf(char) && codeOf(char) <= codeOf(last)) !== negated;
}
