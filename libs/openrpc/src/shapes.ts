/**
 * The shapes of an OpenRPC document for the client generators: names, fields and plain types, independent of the language.
 * An object inside another one is named after its position; each member of a union of tagged objects becomes a shape.
 */
import type { MethodEntry, OpenRpcDocument } from './document.js';
import { Names, oneLine, pascal, typeName } from './names.js';
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

/** What a `$ref` stands for: its schema, and the name that it should have. */
export interface Target {
  name: string;
  schema: Schema | boolean;
}

/** Descriptions of types that occur everywhere (identifiers, times, values); fields do not repeat them. */
const OBVIOUS = /^(Identifier of a stored thing|ISO 8601 UTC|Any JSON value|A JSON object)/;

/** Shapes of the live view, which is not a method. */
const FOLLOWED = ['Play', 'Span', 'PlayEvent'];

/** Those of the runtime's own document. */
export function shapesOf(document: OpenRpcDocument): Shapes {
  const { schemas } = document.components;
  const reader = new ShapeReader((ref) => {
    const name = ref.slice(COMPONENT.length);
    const schema = schemas[name];
    if (!schema) throw new Error(`The document refers to ${name}, which is not among its components.`);
    return { name, schema };
  });
  for (const name of FOLLOWED) reader.type({ $ref: COMPONENT + name }, name);
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

export class ShapeReader {
  readonly declarations: Declaration[] = [];
  /** The names of references and of objects that were read. */
  private readonly known = new Map<string | Schema, string>();

  constructor(
    private readonly resolve: (ref: string) => Target,
    private readonly names = new Names(),
  ) {}

  type(schema: Schema | boolean, scope: string): Type {
    if (typeof schema === 'boolean') return { kind: 'json' };
    const ref = schema.$ref ?? onlyRef(schema);
    if (ref !== undefined) return this.refer(ref);
    if (schema.const !== undefined) return literal([schema.const]);
    if (schema.enum) return literal(schema.enum);
    const choices = choicesOf(schema);
    if (choices && !schema.properties) return this.union(choices, scope);
    if (choices || schema.allOf) return this.hoist(schema, scope);
    if (Array.isArray(schema.type)) {
      return union(schema.type.map((type) => this.type({ ...schema, type }, scope)));
    }
    return this.plain(schema, scope);
  }

  private plain(schema: Schema, scope: string): Type {
    switch (schema.type ?? (schema.properties ? 'object' : undefined)) {
      case 'string':
      case 'integer':
      case 'number':
      case 'boolean':
      case 'null':
        return { kind: schema.type as 'string' };
      case 'array':
        return this.list(schema, scope);
      case 'object':
        if (schema.properties && Object.keys(schema.properties).length > 0) return this.hoist(schema, scope);
        return typeof schema.additionalProperties === 'object' && Object.keys(schema.additionalProperties).length > 0
          ? { kind: 'map', of: this.type(schema.additionalProperties, `${scope}Value`) }
          : { kind: 'map', of: { kind: 'json' } };
      default:
        return { kind: 'unknown' };
    }
  }

  private list(schema: Schema, scope: string): Type {
    // Drafts 4 to 7 write a tuple as a list in `items`, 2020-12 as `prefixItems`. One that may be longer is a list.
    const tuple = Array.isArray(schema.items) ? schema.items : (schema.prefixItems as Schema[] | undefined);
    if (tuple && isClosed(schema, tuple.length)) {
      return { kind: 'tuple', of: tuple.map((item, index) => this.type(item, `${scope}${index}`)) };
    }
    if (tuple) return { kind: 'list', of: { kind: 'json' } };
    const items = schema.items as Schema | undefined;
    return { kind: 'list', of: items ? this.type(items, `${scope}Item`) : { kind: 'json' } };
  }

  private refer(ref: string): Type {
    const named = this.known.get(ref);
    if (named !== undefined) return { kind: 'named', name: named };
    const { name, schema } = this.resolve(ref);
    if (name === 'Json' || typeof schema === 'boolean') return { kind: 'json' };
    const own = this.names.unique(name);
    this.known.set(ref, own);
    this.declare(own, schema);
    return { kind: 'named', name: own };
  }

  private union(choices: readonly (Schema | boolean)[], scope: string): Type {
    return union(choices.map((choice, index) => this.type(choice, scope + (tagOf(choice) ?? (index || '')))));
  }

  private hoist(schema: Schema, scope: string): Type {
    const named = this.known.get(schema);
    if (named !== undefined) return { kind: 'named', name: named };
    const name = this.names.unique(scope);
    this.known.set(schema, name);
    this.declare(name, schema);
    return { kind: 'named', name };
  }

  private declare(name: string, schema: Schema): void {
    const note = noteOf(schema);
    const members = this.members(schema, []);
    const [only] = members;
    if (members.length === 1 && only?.properties) {
      this.declarations.push({ name, note, fields: this.fields(only, name) });
    } else if (schema.allOf || schema.properties) {
      // What is no object (a text with bounds, say) is what the part with a type says.
      const plain = schema.allOf?.find((part) => typeof part === 'object' && (part.type || part.$ref));
      const type = members.every((member) => member.properties)
        ? union(members.map((member, index) => this.hoist(member, name + (tagOf(member) ?? index))))
        : plain && this.type(plain, `${name}Value`);
      this.declarations.push({ name, note, type: type ?? { kind: 'unknown' } });
    } else {
      const type = this.type(schema, name);
      const isItself = type.kind === 'named' && type.name === name;
      this.declarations.push({ name, note, type: isItself ? { kind: 'unknown' } : type });
    }
  }

  private fields(schema: Schema, scope: string): Field[] {
    const required = new Set(schema.required);
    return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
      name,
      type: this.type(property, scope + typeName(name)),
      required: required.has(name),
      note: noteOf(property),
    }));
  }

  /** Expands an intersection of unions to the list of all objects that it allows. `around`: the references that it is inside of. */
  private members(schema: Schema | boolean, around: readonly string[]): Schema[] {
    if (typeof schema === 'boolean') return [{}];
    if (schema.$ref !== undefined) {
      const { schema: found } = this.resolve(schema.$ref);
      return around.includes(schema.$ref) ? [{}] : this.members(found, [...around, schema.$ref]);
    }
    const choices = choicesOf(schema);
    const parts = (schema.allOf ?? []).map((part) => this.members(part, around));
    if (choices) parts.push(choices.flatMap((choice) => this.members(choice, around)));
    if (parts.length === 0) return [schema];
    if (schema.properties) parts.push([{ properties: schema.properties, required: schema.required }]);
    return parts.reduce((left, right) => left.flatMap((a) => right.map((b) => merge(a, b))));
  }
}

/** Alternatives that say more than which of the properties beside them are required. */
function choicesOf(schema: Schema): readonly Schema[] | undefined {
  const choices = schema.anyOf ?? schema.oneOf;
  if (!choices || !schema.properties) return choices;
  return choices.some((choice) => choice.properties || choice.$ref || choice.type) ? choices : undefined;
}

const isClosed = (schema: Schema, length: number): boolean =>
  Array.isArray(schema.items)
    ? schema.additionalItems !== true
    : (schema.items as unknown) === false || schema.maxItems === length;

function merge(a: Schema, b: Schema): Schema {
  if (!a.properties && !b.properties) return { ...a, ...b };
  return {
    type: 'object',
    properties: { ...a.properties, ...b.properties },
    required: [...(a.required ?? []), ...(b.required ?? [])],
  };
}

/** The tag of an object, its property `type`, in Pascal case: `SpanStarted`. */
function tagOf(schema: Schema | boolean): string | undefined {
  const tag = typeof schema === 'object' ? schema.properties?.type?.const : undefined;
  return typeof tag === 'string' ? pascal(tag) : undefined;
}

function onlyRef(schema: Schema): string | undefined {
  return schema.allOf?.length === 1 && !schema.properties ? schema.allOf[0]?.$ref : undefined;
}

export function noteOf(schema: Schema | boolean): string | undefined {
  const description = typeof schema === 'object' ? schema.description : undefined;
  return typeof description === 'string' && description && !OBVIOUS.test(description)
    ? oneLine(description)
    : undefined;
}

function literal(values: readonly unknown[]): Type {
  const plain = values.filter((v) => typeof v !== 'object') as (string | number | boolean)[];
  const exact = plain.filter((v) => typeof v !== 'number' || Number.isSafeInteger(v));
  const types: Type[] = [
    ...(exact.length > 0 ? [{ kind: 'literal', values: exact } as const] : []),
    ...(exact.length < plain.length ? [{ kind: 'number' } as const] : []),
    ...(values.includes(null) ? [{ kind: 'null' } as const] : []),
    ...(values.some((v) => typeof v === 'object' && v !== null) ? [{ kind: 'json' } as const] : []),
  ];
  return union(types);
}

function union(types: readonly Type[]): Type {
  const flat = types.flatMap((type) => (type.kind === 'union' ? type.of : [type]));
  const different = new Map(flat.map((type) => [JSON.stringify(type), type]));
  const [first, ...rest] = different.values();
  if (!first) return { kind: 'unknown' };
  return rest.length === 0 ? first : { kind: 'union', of: [first, ...rest] };
}
