import { refusedKeys, scanJson } from '../src/scan.js';

/** A pseudo-random sequence that is the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const TEXTS = [
  '',
  'a',
  '"',
  '\\',
  '\\"',
  '\n',
  '{',
  '[',
  ']',
  ',',
  ':',
  'é',
  '😀',
  'x'.repeat(70),
  `${'x'.repeat(63)}\\`,
  '__proto__',
];
const KEYS = ['a', 'id', 'method', 'constructor', '__proto__', 'x'.repeat(80), '"', 'constructors'];

function anyValue(roll: (sides: number) => number, depth: number): string {
  const space = [' ', '', '\n\t', ''][roll(4)] ?? '';
  const kind = roll(depth > 5 ? 4 : 6);
  if (kind === 0) return `${space}${roll(1000) - 500}${space}`;
  if (kind === 1) return `${space}${['true', 'false', 'null', '1.5e3'][roll(4)]}`;
  if (kind < 4) return space + JSON.stringify(TEXTS[roll(TEXTS.length)]) + space;
  const members = Array.from({ length: roll(4) }, () => anyValue(roll, depth + 1));
  if (kind === 4) return `${space}[${members.join(',')}]`;
  return `${space}{${members.map((member) => `${keyText(roll)}${space}:${member}`).join(',')}}`;
}

/** A key, sometimes spelled with escapes. */
function keyText(roll: (sides: number) => number): string {
  const key = KEYS[roll(KEYS.length)] ?? '';
  if (roll(3) > 0) return JSON.stringify(key);
  const units = [...key].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${units.join('')}"`;
}

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

describe('the scan of bytes', () => {
  test('finds in any JSON what the parser finds: calls, refused keys, method and id', () => {
    const roll = dice(20_261_121);
    for (let round = 0; round < 3_000; round++) {
      const text = anyValue(roll, 0);
      const value: unknown = JSON.parse(text);
      const scan = scanJson(Buffer.from(text));
      const calls = Array.isArray(value) ? value : [value];
      expect([text, scan.batch, scan.calls.length]).toEqual([text, Array.isArray(value), calls.length]);
      for (const [index, call] of calls.entries()) {
        const seen = scan.calls[index];
        // The scan also sees values that a later equal key overwrites in the parser.
        if (refusedKeys(call).length > 0) expect([text, seen?.refusedKey]).toEqual([text, true]);
        else if (seen?.refusedKey) expect(text).toMatch(/constructor|__proto__|\\u00/);
        if (typeof call !== 'object' || call === null || Array.isArray(call)) continue;
        const { method, id } = call as Record<string, unknown>;
        expect([text, seen?.method, seen?.id]).toEqual([text, method, id]);
      }
    }
  });

  test('counts levels exactly, up to the limit and one beyond', () => {
    for (const levels of [1, 63, 64, 65, 66]) {
      const text = '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);
      expect(depthOf(JSON.parse(text))).toBe(levels);
      expect([levels, scanJson(Buffer.from(text)).tooDeep]).toEqual([levels, levels > 64]);
    }
  });

  test('measures each call of a batch alone', () => {
    const calls = ['{"id":1}', '{"id":2,"x":"éé"}', '7'];
    const scan = scanJson(Buffer.from(` [${calls.join(' , ')}]`));
    expect(scan.calls.map(({ bytes }) => bytes - 1)).toEqual([8, 19, 0]);
  });

  test('terminates on any bytes', () => {
    const roll = dice(7);
    for (let round = 0; round < 2_000; round++) {
      const bytes = Buffer.from(Array.from({ length: roll(60) }, () => '"\\{}[],: amethodid1'.charCodeAt(roll(19))));
      expect(scanJson(bytes).calls.length).toBeLessThanOrEqual(bytes.length);
    }
  });
});

describe('the byte ranges of parameters', () => {
  const textsOf = (body: string): Record<string, string>[] => {
    const bytes = Buffer.from(body);
    return scanJson(bytes).calls.map(({ params }) =>
      Object.fromEntries(Array.from(params, ([name, [from, to]]) => [name, bytes.toString('utf8', from, to).trim()])),
    );
  };

  test.each<[string, Record<string, string>[]]>([
    ['{"params": {"a": 1, "b" : {"a": [2]} }, "id": 1}', [{ a: '1', b: '{"a": [2]}' }]],
    ['{"params":{"é":"x,}\\"]","b":[]},"method":"m"}', [{ é: '"x,}\\"]"', b: '[]' }]],
    ['{"a": {"params": {"b": 1}}, "params": {}}', [{}]],
    ['{"params": {"a": 1}, "params": {"b": 2, "b": 3}}', [{ b: '3' }]],
    ['{"params": [1, {"a": 2}], "b": {"c": 1}}', [{}]],
    ['[{"params": {"a": 1}}, {"params": {"a": {"10": 1, "2": 2}}}]', [{ a: '1' }, { a: '{"10": 1, "2": 2}' }]],
  ])('%s', (body, expected) => {
    expect(textsOf(body)).toEqual(expected);
  });
});
