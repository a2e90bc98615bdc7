import { matchesGlob } from '../src/waits/globs.js';
import { refuseTooMany } from '../src/plays/prefill-limits.js';
import { nextPrefill } from '../src/waits/prefills.js';

describe('a glob', () => {
  test.each([
    ['*', '', true],
    ['*', 'anything', true],
    ['', '', true],
    ['', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['?', '😀', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abb', false],
    ['*b*b', 'abab', true],
    ['*ab', 'aab', true],
    ['a**b', 'ab', true],
    ['[abc]x', 'bx', true],
    ['[!abc]x', 'bx', false],
    ['[!abc]x', 'dx', true],
    ['[a-c]x', 'bx', true],
    ['[z-a]', 'm', false],
    ['[a-]', '-', true],
    ['[^a]', '^', true],
    ['[a', '[a', true],
    ['[]', '[]', true],
    ['a.b', 'axb', false],
    ['a|b', 'a', false],
    ['Ask', 'ask', false],
    ['a\nb*', 'a\nbc', true],
  ])('%j and the name %j: %j', (pattern, name, expected) => {
    expect(matchesGlob(pattern, name)).toBe(expected);
  });

  const comparisons = (pattern: string, length: number): number => {
    let count = 0;
    matchesGlob(pattern, 'a'.repeat(length), () => count++);
    return count;
  };

  test('with many stars takes time proportional to the length of the name', () => {
    const pattern = `${'*a'.repeat(99)}*b`;
    for (const length of [1_000, 2_000, 4_000, 8_000]) {
      expect(comparisons(pattern, length)).toBeLessThanOrEqual(pattern.length * length);
    }
    expect(comparisons(pattern, 8_000) / comparisons(pattern, 4_000)).toBeLessThan(2.2);
  });

  test('of hostile parts never takes more than pattern × name comparisons', () => {
    for (const pattern of [`*${'a'.repeat(100)}b`, '*?*?*?*b', '*[ab]*[ab]c', `${'*'.repeat(150)}b`]) {
      expect(comparisons(pattern, 5_000)).toBeLessThanOrEqual((pattern.length + 1) * 5_000);
    }
  });
});

/** Prefilled answers in the order of the store: longest pattern first. */
const rows = (given: [string, number][]) =>
  given.map(([pattern, pos]) => ({ pattern, pos, payload: `${pattern} ${pos}` }));

describe('prefilled answers', () => {
  test('of a sequence are used in order, an exact name before a glob, a longer glob before a shorter one', () => {
    const unused = rows([
      ['ask me', 0],
      ['ask *', 0],
      ['ask *', 1],
      ['*', 0],
    ]);
    const taken = (name: string): string | undefined => nextPrefill(unused, name)?.payload;
    expect([taken('ask me'), taken('ask you'), taken('other')]).toEqual(['ask me 0', 'ask * 0', '* 0']);
  });

  test('are refused if there are too many of them', () => {
    const many = (count: number, name: (n: number) => string) =>
      rows(Array.from({ length: count }, (_, n) => [name(n), n]));
    expect(() => refuseTooMany(many(1_001, (n) => `a${n}`))).toThrow('1001 names');
    expect(() => refuseTooMany(many(101, (n) => `a${n}*`))).toThrow('101 globs');
    expect(() => refuseTooMany(many(10_001, () => 'a'))).toThrow('10001 answers');
    expect(() => refuseTooMany(many(1_000, (n) => `a${n}`))).not.toThrow();
  });
});
