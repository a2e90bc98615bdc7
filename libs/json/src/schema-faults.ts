/** Checks a JSON Schema itself, before it is used to check values. */
import { type Issue, type Json, messageOf } from '@hero/contracts';
import { didYouMean } from './did-you-mean.js';
import { pathTo } from './values.js';

/** A JSON Schema as an author wrote it; it may be any JSON. */
export type Schema = boolean | { [keyword: string]: Json };

const TYPES = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'];

/** The kind of value that a keyword takes: a schema, a list of schemas, schemas by name, or something else. */
const ONE = ['additionalProperties', 'propertyNames', 'contains', 'not', 'if', 'then', 'else', 'additionalItems'];
const MANY = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'];
const NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const COUNTS = [
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minContains',
  'maxContains',
  'minProperties',
  'maxProperties',
];
/** Annotations: keywords that restrict nothing. Known values of `format` are checked, as the standard permits. */
const SAYING = [
  '$schema',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'format',
  'contentEncoding',
  'contentMediaType',
  'const',
];
const UNSUPPORTED = [
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$id',
  'unevaluatedProperties',
  'unevaluatedItems',
  'dependencies',
  'contentSchema',
];

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const compiled = new Map<string, RegExp>();
/** An author's regular expression, compiled once; in unicode mode where it is valid there. */
export function patternOf(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (!expression) {
    try {
      expression = new RegExp(pattern, 'u');
    } catch {
      expression = new RegExp(pattern);
    }
    if (compiled.size >= 1000) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression;
}

/** The schema that a local reference (`#`, `#/$defs/x`) names, or undefined. */
export function resolveRef(root: Schema, ref: unknown): Schema | undefined {
  if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined;
  let at: unknown = root;
  for (const part of decodePointer(ref.slice(1))) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return typeof at === 'boolean' || isObject(at) ? (at as Schema) : undefined;
}

function decodePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) return ['\0'];
  try {
    return pointer
      .slice(1)
      .split('/')
      .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
  } catch {
    return ['\0'];
  }
}

/** No form needs more, and each unknown keyword costs a comparison with all known ones. */
const MOST_KEYWORDS = 10_000;

/** All faults of a schema; without faults, `checkSchema` understands every keyword in it. */
export function schemaFaults(
  schema: unknown,
  path: string,
  root: unknown = schema,
  depth = 0,
  seen = { keywords: 0 },
): Issue[] {
  if (typeof schema === 'boolean') return [];
  if (!isObject(schema)) return [{ path, message: 'must be a JSON Schema: an object or a boolean' }];
  if (depth > 64) return [{ path, message: 'is nested deeper than 64 levels' }];
  const issues: Issue[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (++seen.keywords > MOST_KEYWORDS) {
      if (seen.keywords === MOST_KEYWORDS + 1)
        issues.push({ path, message: `has more than ${MOST_KEYWORDS} keywords` });
      break;
    }
    const at = pathTo(path, keyword);
    const inner = (part: unknown, where: string): number =>
      issues.push(...schemaFaults(part, where, root, depth + 1, seen));
    const fault = (message: string): number => issues.push({ path: at, message });
    if (ONE.includes(keyword)) inner(value, at);
    else if (MANY.includes(keyword) || (keyword === 'items' && Array.isArray(value))) {
      if (!Array.isArray(value)) fault('must be an array of schemas');
      else for (const [index, part] of value.entries()) inner(part, pathTo(at, index));
    } else if (keyword === 'items') inner(value, at);
    else if (NAMED.includes(keyword)) {
      if (!isObject(value)) fault('must be an object of schemas');
      else for (const [name, part] of Object.entries(value)) inner(part, pathTo(at, name));
    } else if (UNSUPPORTED.includes(keyword)) fault(`${keyword} is not supported; use other keywords`);
    else issues.push(...plainFaults(keyword, value, at, root as Schema));
  }
  if (isObject(schema.patternProperties)) {
    for (const pattern of Object.keys(schema.patternProperties)) {
      issues.push(...patternFaults(pattern, pathTo(path, 'patternProperties')));
    }
  }
  return issues;
}

function plainFaults(keyword: string, value: Json, path: string, root: Schema): Issue[] {
  const say = (wrong: boolean, message: string): Issue[] => (wrong ? [{ path, message }] : []);
  if (NUMBERS.includes(keyword)) {
    const wrong = typeof value !== 'number' || (keyword === 'multipleOf' && value <= 0);
    return say(wrong, keyword === 'multipleOf' ? 'must be a number above 0' : 'must be a number');
  }
  if (COUNTS.includes(keyword)) return say(!Number.isInteger(value) || Number(value) < 0, 'must be a count');
  switch (keyword) {
    case 'type': {
      const types = [value].flat();
      const wrong = types.length === 0 || types.some((type) => !TYPES.includes(String(type)));
      return say(wrong, `must be one of ${TYPES.join(', ')}, or an array of them`);
    }
    case '$ref':
      return say(resolveRef(root, value) === undefined, 'must name a schema of this document, e.g. "#/$defs/item"');
    case 'enum':
      return say(!Array.isArray(value) || value.length === 0, 'must be an array of the allowed values');
    case 'required':
      return say(!Array.isArray(value) || value.some((name) => typeof name !== 'string'), 'must be an array of names');
    case 'uniqueItems':
      return say(typeof value !== 'boolean', 'must be true or false');
    case 'pattern':
      return typeof value === 'string' ? patternFaults(value, path) : say(true, 'must be a regular expression');
    case 'dependentRequired':
      return say(!isObject(value), 'must be an object of arrays of names');
    default:
      // Unknown keywords (`x-…`, those of a form) are annotations by the standard; one that is nearly a known keyword is a fault.
      return say(
        !SAYING.includes(keyword) && misspelt(keyword) !== '',
        `is not a keyword of JSON Schema${misspelt(keyword)}`,
      );
  }
}

const CHECKING = [
  ...ONE,
  ...MANY,
  ...NAMED,
  ...NUMBERS,
  ...COUNTS,
  'type',
  'enum',
  'const',
  'items',
  'required',
  'pattern',
  'uniqueItems',
  'dependentRequired',
].filter((keyword) => keyword.length > 3);
const misspelt = (keyword: string): string => (keyword.length > 3 ? didYouMean(keyword, CHECKING) : '');

function patternFaults(pattern: string, path: string): Issue[] {
  try {
    patternOf(pattern);
    return [];
  } catch (error) {
    return [{ path, message: `is not a regular expression: ${messageOf(error)}` }];
  }
}
