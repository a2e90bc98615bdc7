/**
 * Converts the contracts' zod shapes to JSON Schemas (draft 7, which OpenRPC requires).
 *
 * 1. A shape that `@hero/contracts` exports under a name becomes one component; every use of it is a reference.
 * 2. Any JSON is the component `Json`, the only recursive shape.
 * 3. Schemas of parameters stay strict. A reply may get more fields later, so schemas of results allow unknown fields.
 */
import * as contracts from '@hero/contracts';
import { z } from 'zod';

/** The part of JSON Schema that zod writes for the contracts. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema | Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  [keyword: string]: unknown;
}

export const COMPONENT = '#/components/schemas/';
const DEFINITION = '#/definitions/';
const JSON_SHAPE: Schema = {
  description: 'Any JSON value.',
  anyOf: [
    { type: 'null' },
    { type: 'boolean' },
    { type: 'number' },
    { type: 'string' },
    { type: 'array', items: { $ref: `${COMPONENT}Json` } },
    { type: 'object', additionalProperties: { $ref: `${COMPONENT}Json` } },
  ],
};
/** Whether a shape becomes a component; a plain string or number does not. */
const NAMED_KINDS = new Set(['object', 'union', 'intersection', 'enum', 'record']);

/** The names of shapes and the texts of their `.describe()`. */
class NamedShapes extends z.core.$ZodRegistry<z.GlobalMeta> {
  override get<S extends z.core.$ZodType>(schema: S) {
    const known = super.get(schema);
    const described = z.globalRegistry.get(schema);
    return known || described ? { ...described, ...known } : undefined;
  }
}

const registry = new NamedShapes();
for (const [name, shape] of Object.entries(contracts)) {
  if (shape instanceof z.ZodType && NAMED_KINDS.has(shape.def.type)) registry.add(shape, { id: name });
}

/** Collects the components that the schemas it makes refer to. */
export class Schemas {
  private readonly found = new Map<string, Schema>([['Json', JSON_SHAPE]]);

  /** `input`: the shape that a caller sends, where defaults are optional; `output`: the shape of the reply. */
  of(shape: z.ZodType, io: 'input' | 'output'): Schema {
    const written = z.toJSONSchema(shape, {
      io,
      target: 'draft-7',
      metadata: registry,
      override: open,
      unrepresentable: 'any',
    }) as Schema;
    const { $schema: _, definitions, ...root } = written;
    for (const [name, schema] of Object.entries((definitions ?? {}) as Record<string, Schema>)) {
      if (!isAnyJson(name) && !this.found.has(name)) this.found.set(name, tidy(schema));
    }
    return tidy(root);
  }

  get components(): Record<string, Schema> {
    return Object.fromEntries([...this.found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function open({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  const schema = jsonSchema as Schema;
  const { def } = zodSchema._zod;
  // Contracts have only two custom checks: any JSON, and any object.
  if (def.type === 'custom') {
    const isObject = contracts.OBJECTS.has(zodSchema as unknown as z.ZodType);
    schema.$ref = `${COMPONENT}${isObject ? 'JsonObject' : 'Json'}`;
  }
  if (def.type === 'object' && !def.catchall) delete schema.additionalProperties;
}

/** zod numbers recursive shapes without a name. The only one in the contracts is JSON. */
const isAnyJson = (definition: string): boolean => definition.startsWith('__schema');

/** Normalises references, and removes bounds that only say "a safe integer" or "a key is a string". */
function tidy(schema: Schema): Schema {
  if (schema.$ref) return withNotes(refOf(schema.$ref), schema);
  const wrapped = schema.allOf?.length === 1 ? schema.allOf[0] : undefined;
  if (wrapped?.$ref) return withNotes(refOf(wrapped.$ref), schema);
  const out: Schema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'propertyNames' && Object.keys(value as Schema).length === 1) continue;
    if (typeof value === 'number' && Math.abs(value) === Number.MAX_SAFE_INTEGER) continue;
    if (key === 'properties') out[key] = mapValues(value as Record<string, Schema>, tidy);
    else if (key === 'anyOf' || key === 'oneOf' || key === 'allOf') out[key] = (value as Schema[]).map(tidy);
    else if (isSchema(key, value)) out[key] = tidy(value);
    else if (key === 'items' && Array.isArray(value)) out.items = (value as Schema[]).map(tidy);
    else out[key] = value;
  }
  return out;
}

const isSchema = (key: string, value: unknown): value is Schema =>
  (key === 'items' || key === 'additionalProperties') && typeof value === 'object' && !Array.isArray(value);

function refOf(ref: string): string {
  if (ref.startsWith(COMPONENT)) return ref;
  const name = ref.slice(DEFINITION.length);
  return `${COMPONENT}${isAnyJson(name) ? 'Json' : name}`;
}

/** Draft 7 ignores keywords beside a `$ref`, so a description needs a schema around it. */
function withNotes($ref: string, { description, default: value }: Schema): Schema {
  if (description === undefined && value === undefined) return { $ref };
  return {
    ...(description !== undefined && { description }),
    ...(value !== undefined && { default: value }),
    allOf: [{ $ref }],
  };
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
