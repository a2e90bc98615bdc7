import { describe, expect, test } from '@jest/globals';
import type { FlowField, JsonObject } from '@hero/contracts';
import { checkInput, declarationFaults } from '../src/workflows/inputs.js';

const field = (name: string, field_type: FlowField['field_type'], more: Partial<FlowField> = {}): FlowField => ({
  name,
  field_type,
  required: false,
  ...more,
});
const paths = (fields: FlowField[], input: JsonObject) => checkInput(fields, input).issues.map(({ path }) => path);
const faults = (fields: FlowField[], input: JsonObject) =>
  checkInput(fields, input).issues.map(({ path, message }) => `${path} ${message}`);

describe('an input that fits', () => {
  test('is accepted unchanged, in the order of the declaration', () => {
    const fields = [field('a', 'string'), field('b', 'integer'), field('c', 'any')];
    const { input, issues } = checkInput(fields, { c: null, b: 3, a: 'x' });
    expect(issues).toEqual([]);
    expect(JSON.stringify(input)).toBe('{"a":"x","b":3,"c":null}');
  });

  test('gets copies of the defaults of missing fields', () => {
    const fields = [field('topic', 'string', { default: 'cats' }), field('tags', 'array', { default: ['a'] })];
    const first = checkInput(fields, {});
    expect(first.input).toEqual({ topic: 'cats', tags: ['a'] });
    (first.input.tags as string[]).push('b');
    expect(checkInput(fields, {}).input.tags).toEqual(['a']);
  });

  test('may leave out an optional field, which then stays missing', () => {
    expect(checkInput([field('a', 'string')], {})).toEqual({ input: {}, issues: [] });
  });

  test('may pass null if null is the declared default', () => {
    const fields = [field('a', 'string', { default: null })];
    expect(checkInput(fields, {}).input).toEqual({ a: null });
    expect(checkInput(fields, { a: null }).issues).toEqual([]);
  });

  test.each<[FlowField['field_type'], JsonObject[string]]>([
    ['string', ''],
    ['integer', 1],
    ['integer', -0],
    ['integer', Number.MAX_SAFE_INTEGER],
    ['number', 1],
    ['number', 1.5],
    ['number', 1e300],
    ['boolean', false],
    ['object', {}],
    ['array', []],
    ['any', 'text'],
    ['any', [1, { a: null }]],
    ['any', null],
  ])('%s takes %j', (type, value) => {
    expect(checkInput([field('a', type, { required: true })], { a: value })).toEqual({
      input: { a: value },
      issues: [],
    });
  });

  test('may have fields named like the properties of every JavaScript object', () => {
    const fields = [
      field('__proto__', 'string', { required: true }),
      field('constructor', 'string', { required: true }),
    ];
    const input = JSON.parse('{"__proto__": "p", "constructor": "c"}') as JsonObject;
    const checked = checkInput(fields, input);
    expect(checked.issues).toEqual([]);
    expect(JSON.stringify(checked.input)).toBe('{"__proto__":"p","constructor":"c"}');
    expect(paths(fields, {})).toEqual(['input_data.__proto__', 'input_data.constructor']);
  });
});

describe('an input that does not fit', () => {
  test.each<[FlowField['field_type'], JsonObject[string], string]>([
    ['string', 5, 'must be a string, got the integer 5'],
    ['string', true, 'must be a string, got the boolean true'],
    ['string', {}, 'must be a string, got an object'],
    ['integer', 1.5, 'must be an integer, got the number 1.5'],
    ['integer', '1', 'must be an integer, got the string "1"'],
    ['integer', true, 'must be an integer, got the boolean true'],
    ['number', '1.5', 'must be a number, got the string "1.5"'],
    ['boolean', 'true', 'must be true or false, got the string "true"'],
    ['boolean', 0, 'must be true or false, got the integer 0'],
    ['object', [], 'must be an object, got an array'],
    ['array', {}, 'must be an array, got an object'],
  ])('%s says what came instead of %j', (type, value, message) => {
    const required = checkInput([field('a', type, { required: true })], { a: value });
    expect(required.issues).toEqual([{ path: 'input_data.a', message }]);
    expect(checkInput([field('a', type)], { a: value }).issues).toEqual([{ path: 'input_data.a', message }]);
  });

  test('names every fault at once', () => {
    const fields = [
      field('topic', 'string', { required: true, description: 'what to write about' }),
      field('depth', 'integer', { default: 2 }),
      field('tone', 'string', { enum: ['plain', 'warm'] }),
      field('filter', 'object', { schema: { properties: { price: { type: 'number', minimum: 0 } } } }),
    ];
    const input = { depth: 'deep', tone: 'worm', filter: { price: -1 }, topics: 'cats' };
    expect(faults(fields, input)).toEqual([
      'input_data.topic is required: pass a string (what to write about)',
      'input_data.depth must be an integer, got the string "deep"',
      'input_data.tone must be one of "plain", "warm"; got the string "worm"; did you mean "warm"?',
      'input_data.filter.price must be at least 0, got -1',
      'input_data.topics is not an input of this workflow; did you mean "topic"?',
    ]);
  });

  test('passes null to a field that takes none: it is told to leave the field out', () => {
    expect(faults([field('a', 'string')], { a: null })).toEqual([
      'input_data.a must be a string, got null; leave the field out instead',
    ]);
  });

  test.each([
    ['maxItems', ['max_items'], 'did you mean "max_items"?'],
    ['tpoic', ['topic', 'tonic'], 'did you mean "topic"?'],
    ['zebra', ['topic', 'depth'], 'its fields are topic, depth'],
    ['zebra', [], 'this workflow takes no input'],
  ])('an unknown field %s beside %j: %s', (name, known, hint) => {
    expect(
      faults(
        known.map((n) => field(n, 'any')),
        { [name]: 1 },
      ),
    ).toEqual([`input_data.${name} is not an input of this workflow; ${hint}`]);
  });

  test('enums compare values, not identities', () => {
    const fields = [field('a', 'any', { enum: [{ x: 1, y: [2] }, null, 3] })];
    expect(paths(fields, { a: { y: [2], x: 1 } })).toEqual([]);
    expect(paths(fields, { a: null })).toEqual([]);
    expect(paths(fields, { a: { x: 1 } })).toEqual(['input_data.a']);
  });

  test('stops listing after 200 faults and says how many more there are', () => {
    const input = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]));
    const { issues } = checkInput([], input);
    expect(issues).toHaveLength(201);
    expect(issues.at(-1)).toEqual({ path: 'input_data', message: 'and 100 more faults' });
  });
});

describe('what the runtime cannot carry', () => {
  const any = [field('a', 'any')];

  test.each<[string, JsonObject[string], string]>([
    ['NUL', 'x\0y', 'input_data.a'],
    ['a lone surrogate', '\ud800', 'input_data.a'],
    ['NUL deep inside', { list: [1, { text: '\0' }] }, 'input_data.a.list.1.text'],
    ['a reversed pair', ['\udc00\ud800'], 'input_data.a.0'],
    ['NUL in a key', { 'k\0': 1 }, 'input_data.a.k\\u0000'],
    ['a lone surrogate in a key', { '\udfff': 1 }, 'input_data.a.\\udfff'],
    ['an integer beyond 2⁵³', 2 ** 53, 'input_data.a'],
    ['a negative one', { n: -(2 ** 60) }, 'input_data.a.n'],
  ])('%s is refused with its path', (_, value, path) => {
    expect(paths(any, { a: value })).toEqual([path]);
  });

  test('whole characters beyond the first plane are fine', () => {
    expect(paths(any, { a: ['😀', { 𝒳: '👩‍👧' }] })).toEqual([]);
  });

  test('an integer field takes nothing that JavaScript rounds, however large', () => {
    const fields = [field('a', 'integer')];
    for (const value of [2 ** 53, 1e20, 1e21, 1e300]) expect(paths(fields, { a: value })).toEqual(['input_data.a']);
  });

  test('64 levels are taken, 65 are not, and 10,000 neither', () => {
    const nested = (levels: number): JsonObject => {
      let value: JsonObject = {};
      for (let level = 1; level < levels; level++) value = { v: value };
      return value;
    };
    expect(paths(any, { a: nested(64) })).toEqual([]);
    expect(checkInput(any, { a: nested(65) }).issues).toEqual([
      { path: `input_data.a${'.v'.repeat(64)}`, message: 'is nested deeper than 64 levels' },
    ]);
    expect(checkInput(any, { a: nested(10_000) }).issues).toHaveLength(1);
  });

  test('a type fault does not hide them', () => {
    expect(paths([field('a', 'integer')], { a: '\0' })).toEqual(['input_data.a', 'input_data.a']);
  });

  test('they are found in the names of unknown fields too', () => {
    expect(faults([], { '\0': 1 })).toEqual(['input_data.\\u0000 its name must not contain the NUL character']);
  });
});

describe('a declaration that could never be checked', () => {
  test.each<[string, FlowField, string]>([
    [
      'a default of another type',
      field('a', 'integer', { default: 'x' }),
      'inputs.a.default must be an integer, got the string "x"',
    ],
    [
      'a default outside its enum',
      field('a', 'any', { enum: [1], default: 2 }),
      'inputs.a.default must be one of 1; got the integer 2',
    ],
    [
      'an unknown type in its schema',
      field('a', 'any', { schema: { type: 'text' } }),
      'inputs.a.schema.type must be one of string, integer, number, boolean, object, array, null, or an array of them',
    ],
    [
      'a broken pattern',
      field('a', 'string', { schema: { pattern: '(' } }),
      'inputs.a.schema.pattern is not a regular expression',
    ],
    [
      'a reference to nowhere',
      field('a', 'any', { schema: { $ref: '#/$defs/x' } }),
      'inputs.a.schema.$ref must name a schema of this document',
    ],
    [
      'NUL in a description',
      field('a', 'any', { description: '\0' }),
      'inputs.a.description must not contain the NUL character',
    ],
  ])('%s', (_, declared, message) => {
    const [first] = declarationFaults([declared], 'inputs');
    expect(`${first?.path} ${first?.message}`).toContain(message);
  });

  test('a broken schema does not hide a default of another type', () => {
    const declared = field('a', 'integer', { default: 'x', schema: { pattern: '(' } });
    expect(declarationFaults([declared], 'inputs').map(({ path }) => path)).toEqual([
      'inputs.a.schema.pattern',
      'inputs.a.default',
    ]);
  });

  test('a field that is declared twice', () => {
    expect(declarationFaults([field('a', 'any'), field('a', 'any')], 'inputs')).toEqual([
      { path: 'inputs.a', message: 'is declared twice' },
    ]);
  });

  test('null as the default of any type is how Python says "not given"', () => {
    expect(declarationFaults([field('a', 'integer', { default: null })], 'inputs')).toEqual([]);
  });
});

describe('any value', () => {
  const TYPES = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'any'] as const;
  const VALUES: JsonObject[string][] = ['', 'x', 0, 1, -1.5, 2 ** 53, true, false, null, [], [1], {}, { a: 1 }, '\0'];
  /** Which of VALUES each type accepts, by the definition of the interface. */
  const takes = (type: (typeof TYPES)[number], value: unknown): boolean => {
    if (value === '\0' || value === 2 ** 53) return false;
    if (type === 'any') return true;
    if (type === 'integer') return Number.isInteger(value);
    if (type === 'array') return Array.isArray(value);
    if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
    return typeof value === type;
  };

  test.each(TYPES)('%s accepts its values and refuses all others under its own path', (type) => {
    for (const value of VALUES) {
      const { issues, input } = checkInput([field('f', type, { required: true })], { f: value });
      expect({ value, ok: issues.length === 0 }).toEqual({ value, ok: takes(type, value) });
      expect(issues.every(({ path }) => path === 'input_data.f')).toBe(true);
      if (issues.length === 0) expect(input).toEqual({ f: value });
    }
  });

  test('checking an accepted input again changes nothing', () => {
    const fields = TYPES.map((type) => field(type, type, type === 'integer' ? { default: 7 } : {}));
    for (const value of VALUES) {
      for (const type of TYPES) {
        const first = checkInput(fields, { [type]: value });
        if (first.issues.length === 0) expect(checkInput(fields, first.input)).toEqual(first);
      }
    }
  });
});
