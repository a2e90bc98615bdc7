/**
 * The sample flows of `conformance/flows`: typical user code, each with the output that it must have in every mode.
 *
 * The second line of a file says so in JSON: `output`; `answers` by the name of the question; `repeats`, beginnings of the names of
 * effects that may happen more than once; `one_of`, of which exactly one effect may happen; `python`, the version that it needs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { shapes } from '@hero/openrpc';

const FOLDER = resolve(import.meta.dirname, '../../flows');

export interface Sample {
  name: string;
  about: string;
  source: string;
  output: shapes.Json;
  /** JSON texts by the name of the question: text, because keys that look like numbers keep their order. */
  answers: ReadonlyMap<string, string>;
  repeats: readonly string[];
  oneOf: readonly string[];
  pipelined: boolean;
}

interface Expected {
  output: shapes.Json;
  answers?: Record<string, shapes.Json>;
  repeats?: string[];
  one_of?: string[];
  python?: string;
  pipelined?: boolean;
}

/** The samples that this Python can run, in the order of their names. */
export function readSamples(pythonVersion: string): Sample[] {
  const prelude = readFileSync(join(FOLDER, 'prelude.txt'), 'utf8');
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.py'))
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(FOLDER, file), 'utf8');
      const [about = '', expected = ''] = text.split('\n');
      const { output, answers = {}, repeats = [], one_of = [], python, pipelined = false } = parsed(expected);
      if (python !== undefined && isOlder(pythonVersion, python)) return [];
      const name = basename(file, '.py');
      return {
        name,
        about: about.replaceAll('"""', ''),
        source: (prelude + text).replaceAll('{workflow}', name),
        output,
        answers: new Map(Object.entries(answers).map(([question, answer]) => [question, textOf(answer)])),
        repeats,
        oneOf: one_of,
        pipelined,
      };
    });
}

const parsed = (line: string): Expected => JSON.parse(line.replace(/^# /, '')) as Expected;

const textOf = (answer: shapes.Json): string =>
  typeof answer === 'object' && answer !== null && '$text' in answer ? String(answer['$text']) : JSON.stringify(answer);

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  return (a?.[0] ?? 0) < (b?.[0] ?? 0) || (a?.[1] ?? 0) < (b?.[1] ?? 0);
}
