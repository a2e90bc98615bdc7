import { mostBytes } from '../src/most-bytes.js';
import { checkSchema } from '../src/schema.js';
import type { Schema } from '../src/schema-faults.js';

const text = '\u{1f600}';

test.each<[string, Schema, unknown]>([
  ['a text', { type: 'string', maxLength: 3 }, text.repeat(3)],
  ['a choice', { enum: ['a', 'bcd', [1, 2]] }, [1, 2]],
  ['a constant', { const: { a: 'b' } }, { a: 'b' }],
  ['one of several types', { type: ['null', 'string'], maxLength: 8 }, text.repeat(8)],
  ['a list', { type: 'array', maxItems: 4, items: { type: 'string', maxLength: 2 } }, Array(4).fill(text.repeat(2))],
  [
    'an object',
    {
      type: 'object',
      additionalProperties: false,
      properties: { a: { type: 'boolean' }, b: { $ref: '#/$defs/t' } },
      $defs: { t: { type: 'string', maxLength: 5 } },
    },
    { a: false, b: text.repeat(5) },
  ],
  ['a choice of schemas', { anyOf: [{ type: 'null' }, { type: 'string', maxLength: 9 }] }, text.repeat(9)],
  ['all of several', { allOf: [{ type: 'string' }, { maxLength: 9, type: 'string' }] }, text.repeat(9)],
])('%s: no accepted value is larger than the bound, however it is escaped', (_, schema, largest) => {
  expect(checkSchema(schema, largest, '')).toEqual([]);
  const escaped = JSON.stringify(largest).replace(
    /[\ud800-\udfff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16)}`,
  );
  expect(escaped.length).toBeLessThanOrEqual(mostBytes(schema));
  expect(mostBytes(schema)).toBeLessThan(1000);
});

test.each<[string, Schema]>([
  ['anything', true],
  ['no type', { maxLength: 3 }],
  ['a text of any length', { type: 'string' }],
  ['a list of any length', { type: 'array', items: { const: 1 } }],
  ['an object with further keys', { type: 'object', properties: {} }],
  ['one choice without a bound', { anyOf: [{ type: 'null' }, {}] }],
  ['several of itself, which multiplies', { anyOf: Array(50).fill({ $ref: '#' }) }],
  ['itself', { type: 'array', maxItems: 2, items: { $ref: '#' } }],
])('%s: unbounded', (_, schema) => {
  expect(mostBytes(schema)).toBe(Number.POSITIVE_INFINITY);
});
