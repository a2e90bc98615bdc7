import { createInterface } from 'node:readline/promises';
import type { Json, JsonObject, ResumeRequest } from '@hero/contracts';

import { plain } from './tree-lines.js';

/** A question with its whole form. */
export type Form = Pick<ResumeRequest, 'name'> & { ui: JsonObject | null };

const text = (value: unknown): string => plain(typeof value === 'string' ? value : JSON.stringify(value));
interface Option {
  readonly value: Json;
  readonly label: string;
}
const isOption = (given: Json): given is { value: Json; label?: Json } =>
  typeof given === 'object' && given !== null && !Array.isArray(given) && 'value' in given;
const optionsOf = (ui: JsonObject): Option[] =>
  (Array.isArray(ui.options) ? ui.options : [])
    .filter(isOption)
    .map(({ value, label }) => ({ value, label: text(label ?? value) }));

/** Converts typed text to an answer for the question's `ui.kind`; undefined if it is invalid, to ask again. */
function parseAnswer(ui: JsonObject, typed: string): Json | undefined {
  const options = optionsOf(ui);
  const pick = (word: string): Json | undefined =>
    (options[Number(word) - 1] ?? options.find((option) => option.label === word))?.value;
  switch (ui.kind) {
    case 'text':
      return typed;
    case 'number':
      return typed.trim() !== '' && Number.isFinite(Number(typed)) ? Number(typed) : undefined;
    case 'choice':
      return pick(typed.trim());
    case 'multi_choice': {
      const picked = typed
        .split(',')
        .map((word) => word.trim())
        .filter(Boolean)
        .map(pick);
      return picked.every((option) => option !== undefined) ? (picked as Json[]) : undefined;
    }
    case 'confirm':
      return /^(y|yes)$/i.test(typed.trim()) ? true : /^(n|no)$/i.test(typed.trim()) ? false : undefined;
    default:
      try {
        return JSON.parse(typed) as Json;
      } catch {
        return undefined;
      }
  }
}

const HINTS: Record<string, string> = {
  number: 'a number',
  choice: 'a number of the list',
  multi_choice: 'numbers of the list, with commas',
  confirm: 'y or n',
};

/** Asks one question of a play on the terminal until the input is valid. */
export async function askPerson(request: Form, signal?: AbortSignal): Promise<Json> {
  const ui = request.ui ?? {};
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    for (;;) {
      process.stdout.write(`\n${text(ui.label ?? request.name)}\n`);
      optionsOf(ui).forEach((option, i) => process.stdout.write(`  ${i + 1}. ${option.label}\n`));
      const typed = await terminal.question('> ', { signal });
      const answer = parseAnswer(ui, typed);
      if (answer !== undefined) return answer;
      process.stdout.write(`That is not understood: ${HINTS[String(ui.kind)] ?? 'JSON'} is wanted.\n`);
    }
  } finally {
    terminal.close();
  }
}

/** The answer without a terminal: the default of the form, else the first value that fits. */
export function answerAlone(request: Form): Json {
  const ui = request.ui ?? {};
  if (ui.default !== undefined) return ui.default;
  switch (ui.kind) {
    case 'choice':
      return optionsOf(ui)[0]?.value ?? null;
    case 'multi_choice':
      return optionsOf(ui)
        .slice(0, 1)
        .map(({ value }) => value);
    case 'confirm':
      return true;
    case 'number':
      return 1;
    default:
      return 'Hello';
  }
}
