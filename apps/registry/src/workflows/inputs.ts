/**
 * Checks the input of a play against the declaration of its version; returns all faults, each with its field.
 * Pure. play_start calls `checkInput` before anything is stored.
 */
import { type FlowField, type Issue, type Json, type JsonObject, textFault } from '@hero/contracts';
import {
  checkSchema,
  describe,
  didYouMean,
  isOfType,
  ISSUE_LIMIT,
  jsonFaults,
  numberFault,
  pathTo,
  sameJson,
  schemaFaults,
  written,
} from '@hero/json';

export const INPUT_ROOT = 'input_data';
/** Limit of similar-name hints, because each compares a name with hundreds of others. */
const MOST_HINTS = 10;

const TYPE_WORDS: Record<FlowField['field_type'], string> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'an array',
  any: 'any JSON',
};

/** Fills in defaults and finds all faults. `input` may be stored only if there are no issues. */
export function checkInput(
  fields: readonly FlowField[],
  input: JsonObject,
  steps?: number,
): { input: JsonObject; issues: Issue[] } {
  const filled: [string, Json][] = [];
  const issues: Issue[] = [];
  for (const field of fields) {
    const path = pathTo(INPUT_ROOT, field.name);
    const value = Object.hasOwn(input, field.name) ? input[field.name] : undefined;
    if (value !== undefined) {
      filled.push([field.name, value]);
      issues.push(...valueFaults(field, value, path, steps));
    } else if (field.default !== undefined) {
      filled.push([field.name, structuredClone(field.default)]);
    } else if (field.required) {
      issues.push({ path, message: `is required: pass ${TYPE_WORDS[field.field_type]}${about(field)}` });
    }
  }
  issues.push(...unknownFaults(fields, input));
  // fromEntries defines own properties: a field named __proto__ stays a field.
  return { input: Object.fromEntries(filled), issues: capped(issues) };
}

/** Faults of a declaration, such as an invalid default; a source with such faults is refused when it is saved. */
export function declarationFaults(fields: readonly FlowField[], root: 'inputs' | 'outputs'): Issue[] {
  const seen = new Set<string>();
  return fields.flatMap((field) => {
    const path = pathTo(root, field.name);
    const issues = jsonFaults(field, path);
    if (field.name === '') issues.push({ path, message: 'a field needs a name' });
    if (seen.has(field.name)) issues.push({ path, message: 'is declared twice' });
    seen.add(field.name);
    const faults = field.schema === undefined ? [] : schemaFaults(field.schema, pathTo(path, 'schema'));
    issues.push(...faults);
    if (field.default !== undefined && field.default !== null) {
      const sound = faults.length === 0 ? field : { ...field, schema: undefined };
      issues.push(...valueFaults(sound, field.default, pathTo(path, 'default')));
    }
    return issues;
  });
}

function valueFaults(field: FlowField, value: Json, path: string, steps?: number): Issue[] {
  const issues = jsonFaults(value, path);
  // Python flows use None for "not given", so null is accepted if it is the declared default.
  if (value === null && field.default === null) return issues;
  const type = typeFault(field, value);
  if (type) return [{ path, message: type }, ...issues];
  if (issues.length > 0) return issues;
  if (field.enum && !field.enum.some((allowed) => sameJson(allowed, value))) {
    const hint = typeof value === 'string' ? didYouMean(value, texts(field.enum)) : '';
    issues.push({
      path,
      message: `must be one of ${field.enum.slice(0, 50).map(written).join(', ')}; got ${describe(value)}${hint}`,
    });
  }
  if (field.schema !== undefined) issues.push(...checkSchema(field.schema, value, path, steps));
  return issues;
}

function typeFault(field: FlowField, value: Json): string | undefined {
  const { field_type: type } = field;
  if (type === 'any') return undefined;
  if (isOfType(type, value)) {
    const unsafe = type === 'integer' && !Number.isSafeInteger(value) && !numberFault(value as number);
    return unsafe ? `must be an integer within ±(2⁵³−1), got ${describe(value)}` : undefined;
  }
  const leaveOut = value === null && !field.required ? '; leave the field out instead' : '';
  return `must be ${TYPE_WORDS[type]}, got ${describe(value)}${leaveOut}`;
}

function unknownFaults(fields: readonly FlowField[], input: JsonObject): Issue[] {
  const known = new Set(fields.map((field) => field.name));
  const open = [...known].filter((name) => !Object.hasOwn(input, name));
  const names =
    known.size === 0 ? 'this workflow takes no input' : `its fields are ${[...known].slice(0, 30).join(', ')}`;
  return Object.keys(input)
    .filter((key) => !known.has(key))
    .map((key, index) => {
      const fault = textFault(key);
      const hint = index >= MOST_HINTS ? '' : didYouMean(key, open) || didYouMean(key, [...known]);
      return {
        path: pathTo(INPUT_ROOT, key),
        message: fault ? `its name ${fault}` : `is not an input of this workflow${hint || `; ${names}`}`,
      };
    });
}

const about = (field: FlowField): string => (field.description ? ` (${field.description})` : '');
const texts = (values: readonly Json[]): string[] => values.filter((value) => typeof value === 'string');

function capped(issues: Issue[]): Issue[] {
  if (issues.length <= ISSUE_LIMIT) return issues;
  const more = issues.length - ISSUE_LIMIT;
  return [...issues.slice(0, ISSUE_LIMIT), { path: INPUT_ROOT, message: `and ${more} more faults` }];
}
