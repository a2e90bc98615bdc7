/**
 * JSON Schema (draft 2020-12, and draft-07's tuples) as flows use it for inputs and questions.
 *
 * We do not use zod for this: `z.fromJSONSchema` (4.6) silently ignores keywords without a `type` beside them
 * and required names without a property, and compares enums of objects by identity. The tests compare this file with
 * ajv. Ajv itself compiles schemas into code; authors' schemas are data.
 *
 * 1. A keyword that is not understood is refused when the version is saved (`schemaFaults`), never ignored.
 * 2. A check is bounded: patterns that backtrack without end and schemas that multiply end with an issue, so that no schema delays
 *    another play (I12).
 */
import { createContext, Script } from 'node:vm';
import type { Issue } from '@hero/contracts';
import { canonicalText, describe, ISSUE_LIMIT, pathTo, sameJson, written } from './values.js';
import { FORMATS } from './schema-formats.js';
import { patternOf, resolveRef, type Schema } from './schema-faults.js';

const STEP_LIMIT = 1_000_000;
const HOP_LIMIT = 64;
/** Patterns run in a thread of their own, so this may be generous: on a busy machine an honest pattern takes longer. */
const PATTERN_MS = 1_000;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/**
 * All faults of a value, with paths under `path`; an empty list means that it fits. Given a number of steps, throws TooCostly beyond
 * it; otherwise a check that costs too much is reported as a fault.
 */
export function checkSchema(schema: Schema, value: unknown, path: string, steps?: number): Issue[] {
  const tooCostly = [{ path, message: 'could not be checked: its schema costs too much; simplify its patterns' }];
  try {
    const check = new Check(schema, steps);
    const found = (): Issue[] => check.faults(schema, value as Json, path, 0);
    return usesPatterns(schema) ? bounded(found) : found();
  } catch (error) {
    if (error instanceof TooCostly && steps !== undefined) throw error;
    if (error instanceof TooCostly || isTimeout(error)) return tooCostly;
    throw error;
  }
}

export class TooCostly extends Error {}
// Not instanceof: the error belongs to the realm that loaded `vm`.
const isTimeout = (error: unknown): boolean =>
  isObject(error) && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

const patternsUsed = new WeakMap<object, boolean>();
function usesPatterns(schema: Schema): boolean {
  if (typeof schema !== 'object') return false;
  let used = patternsUsed.get(schema);
  if (used === undefined) patternsUsed.set(schema, (used = JSON.stringify(schema).includes('"pattern')));
  return used;
}

const box = createContext({ run: (): Issue[] => [] });
const runInBox = new Script('run()');
/** Runs in `vm`, because only V8's watchdog can stop a regular expression that backtracks without end. */
function bounded(found: () => Issue[]): Issue[] {
  box.run = found;
  return runInBox.runInContext(box, { timeout: PATTERN_MS }) as Issue[];
}

const TYPE_WORDS: Record<string, string> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'a boolean',
  object: 'an object',
  array: 'an array',
  null: 'null',
};

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'number':
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    default:
      return isObject(value);
  }
}

class Check {
  private steps = 0;

  constructor(
    private readonly root: Schema,
    private readonly most = STEP_LIMIT,
  ) {}

  faults(schema: Schema, value: Json, path: string, hops: number): Issue[] {
    if (++this.steps > this.most || hops > HOP_LIMIT) throw new TooCostly();
    if (schema === true) return [];
    if (schema === false) return [{ path, message: 'is not allowed' }];
    const issues: Issue[] = [];
    const fault = (message: string): number => issues.push({ path, message });
    const into = (found: Issue[]): number => issues.push(...found.slice(0, ISSUE_LIMIT - issues.length));
    const fits = (other: Schema): boolean => this.faults(other, value, path, hops + 1).length === 0;

    if (schema.$ref !== undefined) {
      const target = resolveRef(this.root, schema.$ref);
      if (target === undefined)
        fault(`cannot be checked: its schema refers to ${String(schema.$ref)}, which is missing`);
      else into(this.faults(target, value, path, hops + 1));
    }
    if (schema.type !== undefined) {
      const types = [schema.type].flat().map(String);
      if (!types.some((type) => isOfType(type, value))) {
        fault(`must be ${types.map((type) => TYPE_WORDS[type] ?? type).join(' or ')}, got ${describe(value)}`);
        return issues;
      }
    }
    if (schema.const !== undefined && !sameJson(schema.const, value)) {
      fault(`must be ${written(schema.const)}, got ${describe(value)}`);
    }
    if (Array.isArray(schema.enum) && !schema.enum.some((allowed) => this.same(allowed, value))) {
      fault(`must be one of ${schema.enum.slice(0, 50).map(written).join(', ')}; got ${describe(value)}`);
    }
    if (typeof value === 'number') numberFaults(schema, value, fault);
    if (typeof value === 'string') this.stringFaults(schema, value, fault);
    if (Array.isArray(value)) into(this.arrayFaults(schema, value, path));
    if (isObject(value)) into(this.objectFaults(schema, value, path, hops));

    for (const part of schemas(schema.allOf)) into(this.faults(part, value, path, hops + 1));
    if (schema.anyOf !== undefined) into(this.anyOfFaults(schemas(schema.anyOf), value, path, hops));
    if (schema.oneOf !== undefined) {
      const options = schemas(schema.oneOf);
      const fitting = options.filter(fits).length;
      if (fitting > 1) fault(`must fit exactly one of the alternatives, fits ${fitting}`);
      else if (fitting === 0) into(this.anyOfFaults(options, value, path, hops));
    }
    if (schema.not !== undefined && fits(schema.not as Schema)) fault('fits a schema that is excluded by "not"');
    if (schema.if !== undefined) {
      const branch = fits(schema.if as Schema) ? schema.then : schema.else;
      if (branch !== undefined) into(this.faults(branch as Schema, value, path, hops + 1));
    }
    return issues;
  }

  private anyOfFaults(options: Schema[], value: Json, path: string, hops: number): Issue[] {
    const tried = options.map((option) => this.faults(option, value, path, hops + 1));
    if (tried.some((found) => found.length === 0)) return [];
    const reasons = tried.map(([first], index) => {
      const where = first && first.path !== path ? `${first.path.slice(path.length + 1)} ` : '';
      return `(${index + 1}) ${where}${first?.message ?? ''}`;
    });
    return [{ path, message: `fits none of the alternatives: ${reasons.slice(0, 5).join('; ')}` }];
  }

  private stringFaults(schema: Exclude<Schema, boolean>, value: string, fault: (message: string) => void): void {
    const { minLength, maxLength, pattern, format } = schema;
    if (typeof minLength === 'number' || typeof maxLength === 'number') {
      const length = charactersOf(value);
      if (typeof minLength === 'number' && length < minLength) {
        fault(`must have at least ${minLength} characters, has ${length}`);
      }
      if (typeof maxLength === 'number' && length > maxLength) {
        fault(`must have at most ${maxLength} characters, has ${length}`);
      }
    }
    if (typeof pattern === 'string' && !patternOf(pattern).test(value)) fault(`must match the pattern ${pattern}`);
    const known = typeof format === 'string' ? FORMATS[format] : undefined;
    if (known && !known.test(value)) fault(`must be ${known.word}, got ${describe(value)}`);
  }

  private arrayFaults(schema: Exclude<Schema, boolean>, value: Json[], path: string): Issue[] {
    const issues: Issue[] = [];
    const { minItems, maxItems, contains } = schema;
    const fault = (message: string): number => issues.push({ path, message });
    if (typeof minItems === 'number' && value.length < minItems) {
      fault(`must have at least ${minItems} items, has ${value.length}`);
    }
    if (typeof maxItems === 'number' && value.length > maxItems) {
      fault(`must have at most ${maxItems} items, has ${value.length}`);
    }
    // Draft-07 wrote tuples as an array under `items` and the rest under `additionalItems`.
    const tuple = schemas(schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : undefined));
    const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
    for (const [index, item] of value.entries()) {
      const own = index < tuple.length ? tuple[index] : (rest as Schema | undefined);
      if (own === undefined) continue;
      issues.push(...this.faults(own, item, pathTo(path, index), 0));
      if (issues.length >= ISSUE_LIMIT) return issues;
    }
    if (schema.uniqueItems === true) {
      const repeated = firstRepeated(value, () => this.step());
      if (repeated) fault(`must not repeat items: ${repeated[1]} equals ${repeated[0]}`);
    }
    if (contains !== undefined) {
      const fitting = value.filter((item) => this.faults(contains as Schema, item, path, 0).length === 0).length;
      const least = typeof schema.minContains === 'number' ? schema.minContains : 1;
      const most = typeof schema.maxContains === 'number' ? schema.maxContains : Number.POSITIVE_INFINITY;
      if (fitting < least) fault(`must contain at least ${least} fitting items, has ${fitting}`);
      if (fitting > most) fault(`must contain at most ${most} fitting items, has ${fitting}`);
    }
    return issues;
  }

  private objectFaults(schema: Exclude<Schema, boolean>, value: JsonObject, path: string, hops: number): Issue[] {
    const issues: Issue[] = [];
    const keys = Object.keys(value);
    const { minProperties, maxProperties, propertyNames, additionalProperties } = schema;
    if (typeof minProperties === 'number' && keys.length < minProperties) {
      issues.push({ path, message: `must have at least ${minProperties} fields, has ${keys.length}` });
    }
    if (typeof maxProperties === 'number' && keys.length > maxProperties) {
      issues.push({ path, message: `must have at most ${maxProperties} fields, has ${keys.length}` });
    }
    const properties = isObject(schema.properties) ? schema.properties : {};
    const patterns = Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {});
    for (const name of names(schema.required)) {
      if (!Object.hasOwn(value, name)) issues.push({ path: pathTo(path, name), message: 'is required' });
    }
    for (const key of keys) {
      if (issues.length >= ISSUE_LIMIT) return issues;
      const at = pathTo(path, key);
      const item = value[key] as Json;
      const matching = patterns.filter(([pattern]) => patternOf(pattern).test(key)).map(([, part]) => part as Schema);
      if (Object.hasOwn(properties, key)) matching.push(properties[key] as Schema);
      for (const part of matching) issues.push(...this.faults(part, item, at, 0));
      if (matching.length === 0 && additionalProperties !== undefined) {
        const known = Object.keys(properties).slice(0, 20).join(', ');
        if (additionalProperties !== false) issues.push(...this.faults(additionalProperties as Schema, item, at, 0));
        else issues.push({ path: at, message: `is not a field of this object${known && `; known are ${known}`}` });
      }
      if (propertyNames !== undefined) {
        for (const { message } of this.faults(propertyNames as Schema, key, at, 0)) {
          issues.push({ path: at, message: `its name ${message}` });
        }
      }
    }
    for (const [key, needed] of Object.entries(isObject(schema.dependentRequired) ? schema.dependentRequired : {})) {
      if (!Object.hasOwn(value, key)) continue;
      for (const name of names(needed).filter((other) => !Object.hasOwn(value, other))) {
        issues.push({ path: pathTo(path, name), message: `is required where ${key} is given` });
      }
    }
    for (const [key, part] of Object.entries(isObject(schema.dependentSchemas) ? schema.dependentSchemas : {})) {
      if (Object.hasOwn(value, key)) issues.push(...this.faults(part as Schema, value, path, hops + 1));
    }
    return issues;
  }

  private same(allowed: Json, value: Json): boolean {
    this.step();
    return sameJson(allowed, value);
  }

  private step(): void {
    if (++this.steps > this.most) throw new TooCostly();
  }
}

function numberFaults(schema: Exclude<Schema, boolean>, value: number, fault: (message: string) => void): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === 'number' && value < minimum) fault(`must be at least ${minimum}, got ${value}`);
  if (typeof maximum === 'number' && value > maximum) fault(`must be at most ${maximum}, got ${value}`);
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) {
    fault(`must be more than ${exclusiveMinimum}, got ${value}`);
  }
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum) {
    fault(`must be less than ${exclusiveMaximum}, got ${value}`);
  }
  if (typeof multipleOf === 'number' && !isMultiple(value, multipleOf)) {
    fault(`must be a multiple of ${multipleOf}, got ${value}`);
  }
}

/** Tolerates the error of binary fractions: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times));
}

/** Compares canonical texts, so that the time is proportional to the size of the items. */
function firstRepeated(items: Json[], step: () => void): [number, number] | undefined {
  const plain = new Map<unknown, number>();
  const structures = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    step();
    const isStructure = typeof item === 'object' && item !== null;
    const seen = isStructure ? structures : plain;
    const same = isStructure ? canonicalText(item) : item;
    const at = seen.get(same);
    if (at !== undefined) return [at, index];
    seen.set(same, index);
  }
  return undefined;
}

/** Counts code points, as Python does, without building a list of them. */
function charactersOf(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at++) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) pairs++;
  }
  return text.length - pairs;
}

const schemas = (value: unknown): Schema[] => (Array.isArray(value) ? (value as Schema[]) : []);
const names = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
