import { describe, expect, test } from '@jest/globals';
import { readGolden } from '@hero/testing';
import { z } from 'zod';
import { Redactor } from '../src/secrets/redactor.js';
import { secretFault } from '../src/secrets/secret-file.js';

const golden = z
  .object({
    secrets: z.record(z.string(), z.string()),
    texts: z.array(z.object({ name: z.string(), text: z.string(), redacted: z.string() })),
    json: z.array(z.object({ name: z.string(), value: z.unknown(), redacted: z.unknown() })),
  })
  .parse(readGolden('secrets'));
const redactor = new Redactor(Object.entries(golden.secrets).map(([name, value]) => ({ name, value })));

describe('what is shown of a text with secrets (sdk-python/tests/test_redactor.py reads the same cases)', () => {
  test.each(golden.texts)('$name', ({ text, redacted }) => {
    expect(redactor.text(text)).toBe(redacted);
    expect(redactor.text(redacted)).toBe(redacted);
  });

  test.each(golden.json)('$name', ({ value, redacted }) => {
    expect(redactor.value(value)).toEqual(redacted);
    expect(JSON.parse(redactor.json(JSON.stringify(value)))).toEqual(redacted);
  });

  test('without secrets nothing is changed', () => {
    expect(new Redactor([]).text('a … b')).toBe('a … b');
  });
});

describe('a long secret', () => {
  const filled = (part: string): string => part.repeat(8192 / Buffer.byteLength(part));

  test.each(['a', '"', '😀', '\\', '{\n', '\r'])('of %j is found in each of its forms', (part) => {
    const value = filled(part);
    expect(secretFault(value)).toBeUndefined();
    const known = new Redactor([{ name: 'KEY', value }]);
    for (const text of [value, encodeURIComponent(value), Buffer.from(value).toString('hex')]) {
      expect(known.text(`<${text}>`)).toBe('<(redacted: KEY)>');
    }
    expect(known.find(Buffer.from(`user:${value}`).toString('base64'))).toBe('KEY');
  });

  test('is refused where it could not be searched for, and the reason does not quote it', () => {
    expect(secretFault(`${filled('a')}b`)).toBe('is longer than 8 KiB');
    expect(secretFault(filled('\\"'))).toBe('cannot be searched for, so it could not be redacted; use another one');
  });

  test('that cannot be searched for hides the whole text', () => {
    const known = new Redactor([{ name: 'KEY', value: '\\"'.repeat(32_768) }]);
    expect(known.text('anything')).toBe('(redacted: KEY)');
    expect(known.find('anything')).toBe('KEY');
  });
});

describe('a run of backslashes', () => {
  const values = ['"quoted" one', '\\\\server\\share', '/slashes/here', '\nline and more'];

  test.each(values)('before %j hides nothing of it', (value) => {
    const known = new Redactor([{ name: 'KEY', value }]);
    for (const count of [0, 1, 2, 3, 8]) {
      const run = '\\'.repeat(count);
      expect(known.text(`a${run}${value}b`)).not.toContain(value.slice(3));
      expect(known.text(`a${run}${JSON.stringify(value).slice(1, -1)}b`)).toMatch(/^a\\*\(redacted: KEY\)b$/);
    }
  });

  test('that ends another secret does not hide one', () => {
    const known = new Redactor([
      { name: 'A', value: 'ends with \\' },
      { name: 'B', value: '"quoted" one' },
    ]);
    expect(known.text('ends with \\"quoted" one')).toBe('(redacted: A)(redacted: B)');
  });

  test('is searched in time that grows with its length', () => {
    const known = new Redactor(values.map((value) => ({ name: 'KEY', value })));
    const least = (text: string): number =>
      Math.min(
        ...[1, 2, 3, 4, 5].map(() => {
          const from = performance.now();
          known.text(text);
          return performance.now() - from;
        }),
      );
    for (const part of ['\\', ' ']) {
      // 8 where it grows with the length, 64 where it grows with its square
      expect(least(`a${part.repeat(32_000)}b…`) / least(`a${part.repeat(4_000)}b…`)).toBeLessThan(32);
    }
  });
});
