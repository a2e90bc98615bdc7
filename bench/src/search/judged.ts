/** The judged set: flows, and queries with the flows that answer them (bench/search/*.txt). */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const FOLDER = resolve(import.meta.dirname, '../../search');

export interface JudgedFlow {
  name: string;
  description: string;
  tags: string[];
  inputs: string[];
  outputs: string[];
  steps: string[];
  docstring: string;
}

export interface JudgedQuery {
  kind: string;
  query: string;
  wanted: string[];
  /** Parameters are chosen by the queries of `tuning` only. */
  part: 'tuning' | 'held out';
}

const rows = (file: string): string[][] =>
  readFileSync(resolve(FOLDER, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

const list = (cell = ''): string[] =>
  cell
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

export const judgedFlows = (): JudgedFlow[] =>
  rows('flows.txt').map(([name = '', description = '', tags, inputs, outputs, steps, docstring = '']) => ({
    name,
    description,
    tags: list(tags),
    inputs: list(inputs),
    outputs: list(outputs),
    steps: list(steps),
    docstring,
  }));

/** Every second query is held out. */
export const judgedQueries = (): JudgedQuery[] =>
  rows('queries.txt').map(([kind = '', query = '', wanted], nth) => ({
    kind,
    query,
    wanted: list(wanted),
    part: nth % 2 === 0 ? 'tuning' : 'held out',
  }));

/** A Python source that declares what the flow says. */
export function sourceOf(flow: JudgedFlow): string {
  const text = (value: unknown): string => JSON.stringify(value);
  const identifier = (name: string): string => name.replaceAll(/\W/g, '_');
  const steps = flow.steps.map((step) => `@flow\ndef ${identifier(step)}(value=None):\n    return value\n`);
  const fields = (names: string[]): string => `{${names.map((name) => `${text(name)}: "any"`).join(', ')}}`;
  const options = `name=${text(flow.name)}, description=${text(flow.description)}, tags=${text(flow.tags)}, inputs=${fields(flow.inputs)}, outputs=${fields(flow.outputs)}`;
  const body = `    ${flow.docstring === '' ? '' : `${text(flow.docstring)}\n    `}return given`;
  return ['from hero_tracing import flow\n', ...steps, `@flow(${options})\ndef main(**given):\n${body}\n`].join('\n');
}
