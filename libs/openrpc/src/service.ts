/**
 * Reads the OpenRPC document of any service (1.0 to 1.4) for the generators of its clients.
 *
 * 1. References are JSON pointers within the document; what they lead to is read where it is used.
 * 2. A method without a result is a notification: nobody answers it.
 * 3. Every fault of the document is an error that says where it is.
 */
import { z } from 'zod';
import { memberName, type Names, oneLine, typeName, typeNames } from './names.js';
import type { Schema } from './schemas.js';
import { type Declaration, type Field, noteOf, ShapeReader, type Target, type Type } from './shapes.js';

export interface Service {
  title: string;
  version: string;
  description: string;
  /** The first server of the document; a client may be given another one. */
  url: string;
  className: string;
  declarations: Declaration[];
  methods: ServiceMethod[];
  /** Errors with a class of their own. */
  errors: ServiceError[];
}

export interface ServiceMethod {
  wire: string;
  summary: string;
  description: string;
  deprecated: boolean;
  params: Field[];
  positional: boolean;
  /** undefined: a notification. */
  result: Type | undefined;
  errors: ServiceError[];
}

export interface ServiceError {
  /** `RpcError` where several errors of the document have this code. */
  name: string;
  code: number;
  message: string;
}

/** The document is not OpenRPC, or refers to what it does not contain. */
export class DocumentFault extends Error {}

const text = z.string().optional();
const SchemaPart = z.union([z.boolean(), z.record(z.string(), z.unknown())]);
const Descriptor = z.object({
  name: z.string(),
  summary: text,
  description: text,
  required: z.boolean().optional(),
  schema: SchemaPart,
});
const ErrorPart = z.object({ code: z.number().int(), message: z.string() });
const MethodPart = z.object({
  name: z.string().min(1),
  summary: text,
  description: text,
  deprecated: z.boolean().optional(),
  params: z.array(z.unknown()),
  result: z.unknown().optional(),
  errors: z.array(z.unknown()).optional(),
  paramStructure: z.enum(['by-name', 'by-position', 'either']).optional(),
});
const DocumentPart = z.object({
  openrpc: z.string().regex(/^1\.[0-4](\.|$)/, 'this generator reads OpenRPC 1.0 to 1.4'),
  info: z.object({ title: z.string(), version: z.string(), description: text }),
  servers: z.array(z.object({ url: z.string() })).optional(),
  methods: z.array(z.unknown()),
});

export function readService(document: unknown): Service {
  return new Reader(document).read();
}

class Reader {
  private readonly names: Names = typeNames();
  private readonly shapes = new ShapeReader((ref) => this.target(ref), this.names);
  private readonly errors = new Map<string, ServiceError>();

  constructor(private readonly root: unknown) {}

  read(): Service {
    const { info, servers, methods } = part(DocumentPart, this.root, 'the document');
    const className = this.names.unique(`${typeName(info.title).replace(/Client$/, '')}Client`);
    const read = methods.map((method, index) => this.method(method, `methods[${index}]`));
    const names = new Set(read.map(({ wire }) => wire));
    if (names.size < read.length)
      throw new DocumentFault('Two methods of the document have the same name; rename one.');
    const url = servers?.map((server) => server.url).find((found) => /^https?:\/\/[^\s{}]+$/.test(found)) ?? '';
    const said = [...this.errors.values()];
    const own = said.filter(({ code }) => said.filter((other) => other.code === code).length === 1);
    for (const error of said) if (!own.includes(error)) error.name = 'RpcError';
    return {
      title: oneLine(info.title),
      version: oneLine(info.version),
      description: oneLine(info.description ?? ''),
      url,
      className,
      declarations: this.shapes.declarations,
      methods: read,
      errors: own,
    };
  }

  private method(given: unknown, at: string): ServiceMethod {
    const method = part(MethodPart, this.followed(given).value, at);
    const scope = typeName(method.name);
    const params = method.params.map((param, index) => this.param(param, scope, `${at}.params[${index}]`));
    if (new Set(params.map(({ name }) => name)).size < params.length)
      throw new DocumentFault(`${at} (${method.name}): two parameters have the same name; rename one.`);
    const result =
      method.result === undefined ? undefined : part(Descriptor, this.followed(method.result).value, `${at}.result`);
    return {
      wire: method.name,
      summary: oneLine(method.summary ?? ''),
      description: oneLine(method.description ?? ''),
      deprecated: method.deprecated ?? false,
      params,
      positional: method.paramStructure === 'by-position',
      result: result && this.shapes.type(result.schema as Schema | boolean, `${scope}Result`),
      errors: (method.errors ?? []).map((error, index) => this.error(error, `${at}.errors[${index}]`)),
    };
  }

  private param(given: unknown, scope: string, at: string): Field {
    const { name, summary, description, required, schema } = part(Descriptor, this.followed(given).value, at);
    const note = description ?? summary ?? noteOf(schema as Schema | boolean);
    return {
      name,
      type: this.shapes.type(schema as Schema | boolean, scope + typeName(name)),
      required: required ?? false,
      ...(note && { note: oneLine(note) }),
    };
  }

  /** An error is named after its component, or its message. */
  private error(given: unknown, at: string): ServiceError {
    const { value, name } = this.followed(given);
    const { code, message } = part(ErrorPart, value, at);
    const key = `${code} ${message}`;
    const known = this.errors.get(key);
    if (known) return known;
    const own = typeName(name ?? message).slice(0, 60);
    const made = {
      name: this.names.unique(own.endsWith('Error') ? own : `${own}Error`),
      code,
      message: oneLine(message),
    };
    this.errors.set(key, made);
    return made;
  }

  /** What a part of the document is, after its references. */
  private followed(given: unknown): { value: unknown; name?: string } {
    let value = given;
    let name: string | undefined;
    for (let steps = 0; isReference(value); steps += 1) {
      if (steps > 100) throw new DocumentFault(`${value.$ref} refers to itself.`);
      name = lastOf(value.$ref);
      value = this.at(value.$ref);
    }
    return { value, ...(name !== undefined && { name }) };
  }

  private target(ref: string): Target {
    const schema = part(SchemaPart, this.at(ref), ref) as Schema | boolean;
    return { name: typeName(lastOf(ref)), schema };
  }

  private at(ref: string): unknown {
    if (!ref.startsWith('#/') && ref !== '#')
      throw new DocumentFault(
        `${ref}: only references within the document (#/…) are followed; bundle the document first.`,
      );
    let found = this.root;
    for (const step of stepsOf(ref)) {
      const next = typeof found === 'object' && found !== null && Object.hasOwn(found, step);
      if (!next) throw new DocumentFault(`${ref}: the document has no such part.`);
      found = (found as Record<string, unknown>)[step];
    }
    return found;
  }
}

const isReference = (value: unknown): value is { $ref: string } =>
  typeof value === 'object' && value !== null && '$ref' in value && typeof value.$ref === 'string';

const stepsOf = (ref: string): string[] =>
  ref
    .split('/')
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'));
const lastOf = (ref: string): string => stepsOf(ref).at(-1) ?? 'Document';

function part<T extends z.ZodType>(shape: T, value: unknown, at: string): z.infer<T> {
  const read = shape.safeParse(value);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => `${[at, ...path].join('.')}: ${message}`);
  throw new DocumentFault(`This is not an OpenRPC document that a client can be made from:\n  ${faults.join('\n  ')}`);
}

/** Names of methods or parameters in a language: each once, and none that the language or the client keeps for itself. */
export function memberNames(wires: readonly string[], words: ReadonlySet<string>): Map<string, string> {
  const taken = new Set<string>();
  return new Map(
    wires.map((wire) => {
      const wanted = memberName(wire, words);
      let name = wanted;
      for (let n = 2; taken.has(name); n += 1) name = `${wanted}_${n}`;
      taken.add(name);
      return [wire, name];
    }),
  );
}
