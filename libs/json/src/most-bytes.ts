import { resolveRef, type Schema } from './schema-faults.js';

/** A character outside the basic plane, escaped: `\ud83d\ude00`. */
const CHARACTER = 12;
const NUMBER = 32;
/** Schemas that refer to themselves multiply: after this many steps the schema counts as unbounded. */
const STEPS = 1_000;
const UNBOUNDED = Number.POSITIVE_INFINITY;

/**
 * Size in bytes of the largest value that a schema accepts, without white space; Infinity where no keyword
 * (`maxLength`, `maxItems`, `additionalProperties: false`, `enum`, `const`) bounds it.
 */
export function mostBytes(root: Schema): number {
  let steps = 0;
  const most = (schema: Schema): number => {
    if (typeof schema === 'boolean') return schema ? UNBOUNDED : 0;
    if (++steps > STEPS) return UNBOUNDED;
    const bounds = [typed(schema, most)];
    if (schema.const !== undefined) bounds.push(sizeOf(schema.const));
    if (Array.isArray(schema.enum)) bounds.push(Math.max(...schema.enum.map(sizeOf)));
    const target = schema.$ref === undefined ? undefined : resolveRef(root, schema.$ref);
    if (target !== undefined) bounds.push(most(target));
    for (const choices of [schema.anyOf, schema.oneOf]) {
      if (Array.isArray(choices)) bounds.push(Math.max(...(choices as Schema[]).map(most)));
    }
    if (Array.isArray(schema.allOf)) bounds.push(...(schema.allOf as Schema[]).map(most));
    return Math.min(...bounds);
  };
  return most(root);
}

type Fields = Exclude<Schema, boolean>;
const sizeOf = (value: unknown): number => JSON.stringify(value).length * CHARACTER;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typed(schema: Fields, inner: (part: Schema) => number): number {
  const types = [schema.type ?? []].flat();
  return types.length === 0 ? UNBOUNDED : Math.max(...types.map((type) => ofType(String(type), schema, inner)));
}

function ofType(type: string, schema: Fields, inner: (part: Schema) => number): number {
  switch (type) {
    case 'null':
    case 'boolean':
      return 5;
    case 'integer':
    case 'number':
      return NUMBER;
    case 'string':
      return typeof schema.maxLength === 'number' ? 2 + schema.maxLength * CHARACTER : UNBOUNDED;
    case 'array': {
      const { maxItems, items, prefixItems = [] } = schema;
      if (typeof maxItems !== 'number' || items === undefined || Array.isArray(items)) return UNBOUNDED;
      return 2 + maxItems * (1 + Math.max(inner(items as Schema), ...([prefixItems].flat() as Schema[]).map(inner)));
    }
    case 'object': {
      const { properties, additionalProperties, patternProperties } = schema;
      if (additionalProperties !== false || patternProperties !== undefined || !isFields(properties)) return UNBOUNDED;
      return Object.entries(properties).reduce(
        (sum, [name, part]) => sum + sizeOf(name) + 2 + inner(part as Schema),
        2,
      );
    }
    default:
      return UNBOUNDED;
  }
}
