import { describe, expect, test } from '@jest/globals';
import { readGolden } from '@hero/testing';
import { z } from 'zod';
import { Redactor } from '../src/secrets/redactor.js';

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
