/** The searchable fields of a flow: what they weigh, their words, and the text whose meaning is compared. */
import type { IndexedWorkflow } from '@hero/contracts';
import { STOP_WORDS } from './stop-words.js';
import { wordsOf } from './words.js';

/** A match in the name weighs three times one in the description. */
export const WEIGHTS = {
  name: 3,
  description: 1,
  tags: 1,
  docstring: 0.5,
  inputs: 0.5,
  outputs: 0.5,
  steps: 0.5,
  field_descriptions: 0.3,
} as const;
export type Field = keyof typeof WEIGHTS;
export const FIELDS = Object.keys(WEIGHTS) as Field[];

/** Fields of names, which are also found when their parts are written together. */
const IDENTIFIERS: ReadonlySet<Field> = new Set(['name', 'tags', 'inputs', 'outputs', 'steps']);

function textOf(flow: IndexedWorkflow, field: Field): string {
  switch (field) {
    case 'name':
    case 'description':
      return flow[field];
    case 'docstring':
      return moreOf(flow);
    case 'tags':
    case 'steps':
      return flow[field].join(' ');
    case 'inputs':
    case 'outputs':
      return flow[field].map(({ name }) => name).join(' ');
    case 'field_descriptions':
      return [...flow.inputs, ...flow.outputs].map(({ description = '' }) => description).join(' ');
  }
}

/** The docstring, unless it is the description already. */
const moreOf = ({ docstring, description }: IndexedWorkflow): string => (docstring === description ? '' : docstring);

/** The words of a field. Stop words count in names only: they may be all that a name has. */
export function fieldWords(flow: IndexedWorkflow, field: Field): string[] {
  const words = wordsOf(textOf(flow, field), IDENTIFIERS.has(field));
  return field === 'name' ? words : words.filter((word) => !STOP_WORDS.has(word));
}

/** The text that is embedded. What it says first counts most, because a model reads only the beginning of a long text. */
export function meaningText(flow: IndexedWorkflow): string {
  const { name, description, tags, inputs, outputs, steps } = flow;
  const named = (label: string, names: readonly string[]): string[] =>
    names.length > 0 ? [`${label}: ${names.map((one) => wordsOf(one).join(' ')).join(', ')}.`] : [];
  return [
    `${wordsOf(name).join(' ')}.`,
    description,
    moreOf(flow),
    ...named('Tags', tags),
    ...named(
      'Inputs and outputs',
      [...inputs, ...outputs].map((field) => field.name),
    ),
    ...named('Steps', steps),
  ]
    .filter((part) => part !== '')
    .join(' ')
    .slice(0, MOST_CHARACTERS);
}

/** More than a model of 256 tokens reads. */
const MOST_CHARACTERS = 4_000;
