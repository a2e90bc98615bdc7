/**
 * Checks the values that users send, in the main thread or in a worker. A value is parsed once, for the check, and passed on as its
 * original text, so that its keys keep their order (decision 2).
 *
 * Pure. `steps` bounds the cost of a schema in the main thread; beyond it TooCostly is thrown.
 */
import { createHash } from 'node:crypto';
import { type FlowField, type Issue, type Json, type JsonObject, Name } from '@hero/contracts';
import { canonicalText, checkSchema, itemsOf, jsonFaults, membersOf, type Schema } from '@hero/json';
import { checkInput, INPUT_ROOT } from '../workflows/inputs.js';

/** The input of a new play to be checked against its declaration, with its prefilled answers and the parameters for its idempotency key. */
export interface InputTask {
  kind: 'input';
  fields: readonly FlowField[];
  input: string;
  prefills: string | null;
  /** The other parameters of a call with an idempotency key. */
  keyed: JsonObject | null;
}

/** An answer to be checked against the schema of its question. */
export interface AnswerTask {
  kind: 'answer';
  schema: Schema | null;
  answer: string;
}

export type Task = InputTask | AnswerTask;

export interface PrefillText {
  pattern: string;
  pos: number;
  payload: string;
}

export interface Checked {
  issues: Issue[];
  /** The text of an input with its defaults. */
  input: string;
  prefills: PrefillText[];
  params_sha256: string;
}

export function check(task: Task, steps?: number): Checked {
  const nothing = { issues: [], input: '', prefills: [], params_sha256: '' };
  if (task.kind === 'input') return { ...nothing, ...checkedInput(task, steps) };
  const value = parsed(task.answer, 'payload');
  if ('issues' in value) return { ...nothing, ...value };
  const unfit = jsonFaults(value.value, 'payload');
  if (unfit.length > 0 || task.schema === null) return { ...nothing, issues: unfit };
  return { ...nothing, issues: checkSchema(task.schema, value.value, 'payload', steps) };
}

function checkedInput({ fields, input, prefills, keyed }: InputTask, steps?: number): Partial<Checked> {
  const value = parsed(input, INPUT_ROOT);
  const answers = prefills === null ? { value: {} } : parsed(prefills, 'prefill_resumes');
  if ('issues' in value) return value;
  if ('issues' in answers) return answers;
  const sound = checkInput(fields, value.value as JsonObject, steps);
  const given = answers.value as JsonObject;
  const params = { ...keyed, input_data: value.value, ...(prefills !== null && { prefill_resumes: given }) };
  return {
    issues: [...sound.issues, ...jsonFaults(given, 'prefill_resumes'), ...nameFaults(given)],
    input: sound.issues.length > 0 ? '' : filled(fields, input),
    prefills: prefills === null ? [] : prefillTexts(prefills),
    params_sha256: keyed ? createHash('sha256').update(canonicalText(params)).digest('hex') : '',
  };
}

function parsed(text: string, path: string): { value: Json } | { issues: Issue[] } {
  try {
    return { value: JSON.parse(text) as Json };
  } catch {
    return { issues: [{ path, message: 'is not JSON' }] };
  }
}

/** The input in the order of the declaration: each value as its original text, with defaults for missing fields. */
function filled(fields: readonly FlowField[], input: string): string {
  const given = membersOf(input);
  const members = fields.flatMap(({ name, default: fallback }) => {
    const text = given.get(name) ?? (fallback === undefined ? undefined : JSON.stringify(fallback));
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `{${members.join(',')}}`;
}

/** `{name or glob: payload | [payloads in order]}`: a list is always a sequence. */
function prefillTexts(text: string): PrefillText[] {
  return Array.from(membersOf(text)).flatMap(([pattern, given]) =>
    (given.startsWith('[') ? itemsOf(given) : [given]).map((payload, pos) => ({ pattern, pos, payload })),
  );
}

const nameFaults = (prefills: JsonObject): Issue[] =>
  Object.keys(prefills)
    .filter((name) => !Name.safeParse(name).success)
    .slice(0, 20)
    .map((name) => ({
      path: 'prefill_resumes',
      message: `${JSON.stringify(name.slice(0, 100))} is not a valid name of a question`,
    }));
