/**
 * The shapes of an OpenRPC document for the client generators: names, fields and plain types, independent of the language.
 * An object inside another one is named after its position; each member of a union of tagged objects becomes a shape.
 */
import type { MethodEntry, OpenRpcDocument } from './document.js';
import { COMPONENT, type Schema } from './schemas.js';

export type Type =
  | { kind: 'json' | 'unknown' | 'string' | 'integer' | 'number' | 'boolean' | 'null' }
  | { kind: 'literal'; values: readonly (string | number | boolean)[] }
  | { kind: 'named'; name: string }
  | { kind: 'list' | 'map'; of: Type }
  | { kind: 'tuple'; of: Type[] }
  | { kind: 'union'; of: Type[] };

export interface Field {
  name: string;
  type: Type;
  required: boolean;
  note?: string;
}

/** An object with fields, or a name for another type. It is declared before its first use, except where it is recursive. */
export type Declaration =
  | { name: string; note?: string; fields: Field[] }
  | { name: string; note?: string; type: Type };

export interface Method {
  entry: MethodEntry;
  /** The wire name with dots as underscores. */
  name: string;
  params: Field[];
  result: Type;
}

export interface Shapes {
  declarations: Declaration[];
  methods: Method[];
}

/** Descriptions of types that occur everywhere (identifiers, times, values); fields do not repeat them. */
const OBVIOUS = /^(Identifier of a stored thing|ISO 8601 UTC|Any JSON value|A JSON object)/;

/** Shapes of the live view, which is not a method. */
const FOLLOWED = ['Play', 'Span', 'PlayEvent'];

export function shapesOf(document: OpenRpcDocument): Shapes {
  const reader = new Reader(document.components.schemas);
  for (const name of FOLLOWED) reader.declare(name);
  const methods = document.methods.map((entry) => {
    const scope = pascal(entry.name);
    const params = entry.params.map((param) => ({
      name: param.name,
      type: reader.type(param.schema, scope + pascal(param.name)),
      required: param.required,
      note: noteOf(param.schema),
    }));
    const result = reader.type(entry.result.schema, `${scope}Result`);
    return { entry, name: entry.name.replaceAll('.', '_'), params, result };
  });
  return { declarations: reader.declarations, methods };
}

class Reader {
  readonly declarations: Declaration[] = [];
  private readonly seen = new Set<string>(['Json']);

  constructor(private readonly components: Record<string, Schema>) {}

  declare(name: string): void {
    if (this.seen.has(name)) return;
    const schema = this.components[name];
    if (!schema) throw new Error(`The document refers to ${name}, which is not among its components.`);
    this.seen.add(name);
    this.name(name, schema);
  }

  type(schema: Schema, scope: string): Type {
    const ref = schema.$ref ?? onlyRef(schema);
    if (ref) return this.refer(ref);
    if (schema.const !== undefined) return literal([schema.const]);
    if (schema.enum) return literal(schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return this.union(choices, scope);
    if (schema.allOf) return this.hoist(schema, scope);
    if (Array.isArray(schema.type)) {
      return union(schema.type.map((type) => this.type({ ...schema, type }, scope)));
    }
    return this.plain(schema, scope);
  }

  private plain(schema: Schema, scope: string): Type {
    switch (schema.type) {
      case 'string':
      case 'integer':
      case 'number':
      case 'boolean':
      case 'null':
        return { kind: schema.type };
      case 'array':
        if (Array.isArray(schema.items)) {
          return { kind: 'tuple', of: schema.items.map((item, index) => this.type(item, `${scope}${index}`)) };
        }
        return { kind: 'list', of: schema.items ? this.type(schema.items, `${scope}Item`) : { kind: 'json' } };
      case 'object':
        if (schema.properties && Object.keys(schema.properties).length > 0) return this.hoist(schema, scope);
        return typeof schema.additionalProperties === 'object' && Object.keys(schema.additionalProperties).length > 0
          ? { kind: 'map', of: this.type(schema.additionalProperties, `${scope}Value`) }
          : { kind: 'map', of: { kind: 'json' } };
      default:
        return { kind: 'unknown' };
    }
  }

  private refer(ref: string): Type {
    const name = ref.slice(COMPONENT.length);
    if (name === 'Json') return { kind: 'json' };
    this.declare(name);
    return { kind: 'named', name };
  }

  private union(choices: readonly Schema[], scope: string): Type {
    return union(choices.map((choice, index) => this.type(choice, scope + (tagOf(choice) ?? (index || '')))));
  }

  private hoist(schema: Schema, name: string): Type {
    if (!this.seen.has(name)) {
      this.seen.add(name);
      this.name(name, schema);
    }
    return { kind: 'named', name };
  }

  private name(name: string, schema: Schema): void {
    const note = noteOf(schema);
    const members = this.members(schema);
    const [only] = members;
    if (members.length === 1 && only?.properties) {
      this.declarations.push({ name, note, fields: this.fields(only, name) });
    } else if (schema.allOf && members.length > 1) {
      const of = members.map((member, index) => this.hoist(member, name + (tagOf(member) ?? index)));
      this.declarations.push({ name, note, type: union(of) });
    } else {
      this.declarations.push({ name, note, type: this.type(schema, name) });
    }
  }

  private fields(schema: Schema, scope: string): Field[] {
    const required = new Set(schema.required);
    return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
      name,
      type: this.type(property, scope + pascal(name)),
      required: required.has(name),
      note: noteOf(property),
    }));
  }

  /** Expands an intersection of unions to the list of all objects that it allows. */
  private members(schema: Schema): Schema[] {
    if (schema.$ref) return this.members(this.components[schema.$ref.slice(COMPONENT.length)] ?? {});
    if (schema.allOf) {
      return schema.allOf
        .map((part) => this.members(part))
        .reduce((left, right) => left.flatMap((a) => right.map((b) => merge(a, b))), [{ properties: {} }]);
    }
    return (schema.oneOf ?? schema.anyOf)?.flatMap((choice) => this.members(choice)) ?? [schema];
  }
}

const merge = (a: Schema, b: Schema): Schema => ({
  type: 'object',
  properties: { ...a.properties, ...b.properties },
  required: [...(a.required ?? []), ...(b.required ?? [])],
});

/** The tag of an object, its property `type`, in Pascal case: `SpanStarted`. */
function tagOf(schema: Schema): string | undefined {
  const tag = schema.properties?.type?.const;
  return typeof tag === 'string' ? pascal(tag) : undefined;
}

function onlyRef(schema: Schema): string | undefined {
  return schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined;
}

function noteOf({ description }: Schema): string | undefined {
  return description && !OBVIOUS.test(description) ? description : undefined;
}

function literal(values: readonly unknown[]): Type {
  return { kind: 'literal', values: values.filter((v) => typeof v !== 'object') as (string | number | boolean)[] };
}

function union(types: readonly Type[]): Type {
  const flat = types.flatMap((type) => (type.kind === 'union' ? type.of : [type]));
  const different = new Map(flat.map((type) => [JSON.stringify(type), type]));
  const [first, ...rest] = different.values();
  if (!first) return { kind: 'unknown' };
  return rest.length === 0 ? first : { kind: 'union', of: [first, ...rest] };
}

export const pascal = (name: string): string =>
  name
    .split(/[._]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
