/**
 * The generated parts of docs/figures.md: what stands between two markers comes from docs/figures.json, the prose around them is
 * written by people. The same JSON gives the same page.
 */
import { median } from '../figures.js';
import type { ComparedRow } from './in-turn.js';
import type { OwnFigure, Results } from './results.js';
import type { SystemId, SystemInfo } from './system.js';

const PARTS: Readonly<Record<string, (results: Results) => string>> = { run, peers, cpu, own };

/** The page with each generated part written anew. */
export function page(text: string, results: Results): string {
  let written = text;
  for (const [name, part] of Object.entries(PARTS)) {
    const begin = `<!-- generated: ${name} (npm run figures; do not edit) -->`;
    const end = `<!-- end of generated: ${name} -->`;
    const [from, to] = [written.indexOf(begin), written.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/figures.md has no part between "${begin}" and "${end}"`);
    written = `${written.slice(0, from + begin.length)}\n${part(results)}\n${written.slice(to)}`;
  }
  return written;
}

/** All parts, for a terminal. */
export const summary = (results: Results): string =>
  Object.values(PARTS)
    .map((part) => part(results))
    .join('\n\n');

const digits = (value: number): string => {
  const size = Math.abs(value);
  if (size >= 10_000) return Math.round(value).toLocaleString('en-US');
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
};

/** Median, with the smallest and the largest of the rounds. */
const spread = (values: readonly number[]): string => {
  const range = values.length > 1 ? ` (${digits(Math.min(...values))}–${digits(Math.max(...values))})` : '';
  return digits(median(values)) + range;
};

const table = (rows: readonly (readonly string[])[]): string => {
  const [head = [], ...body] = rows;
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
};

type Goal = { readonly most?: number; readonly least?: number } | undefined;

function goal(target: Goal, values: readonly number[] | undefined): string {
  const { most, least } = target ?? {};
  if (most === undefined && least === undefined) return '';
  const bound = most !== undefined ? `≤ ${most}` : `≥ ${least}`;
  if (!values?.length) return bound;
  const value = median(values);
  return reached(bound, most !== undefined ? value <= most : value >= (least ?? 0));
}

const reached = (bound: string, yes: boolean): string => (yes ? `${bound} ✓` : `${bound}: not reached`);

function run({ at, machine, sandbox, load, rounds, systems, floor }: Results): string {
  const versions = systems.map(({ name, version }) => `${name} (${version})`).join(', ');
  const samples = rounds === 1 ? 'one sample' : `${rounds} samples`;
  return [
    `${at.slice(0, 10)}, ${machine}, load average ${load.toFixed(1)} before it, sandbox \`${sandbox}\`. ${versions}.`,
    `Each figure: the median of ${samples}, one a round, with the smallest and the largest. One PostgreSQL commit: ${spread(floor)} ms.`,
  ].join('\n');
}

/** Each peer's figure, and how many times as much ours is: the median of the ratios round by round. */
function peers({ systems, rows }: Results): string {
  const others = systems.filter(({ id }) => id !== 'hero');
  const head = ['what', 'unit', 'Hero Logic', 'goal', ...others.flatMap(({ name }) => [name, 'ours / theirs'])];
  const body = rows.map((row) => [
    row.name,
    row.unit,
    cell(row, 'hero'),
    row.below === undefined ? goal(row.goal, row.values.hero) : below(row, row.below, systems),
    ...others.flatMap(({ id }) => [cell(row, id), ratio(row, id)]),
  ]);
  return table([head, ...body]);
}

/** The goal to be quicker than another system. */
function below({ values }: ComparedRow, id: SystemId, systems: readonly SystemInfo[]): string {
  const bound = `below ${systems.find((system) => system.id === id)?.name ?? id}`;
  const [ours, theirs] = [values.hero, values[id]];
  return ours?.length && theirs?.length ? reached(bound, median(ours) < median(theirs)) : bound;
}

const cell = ({ values, missing }: ComparedRow, id: SystemId): string => {
  const own = values[id];
  return own?.length ? spread(own) : `– (${missing[id] ?? 'not measured'})`;
};

function ratio({ values }: ComparedRow, id: SystemId): string {
  const [ours = [], theirs = []] = [values.hero, values[id]];
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN)).filter(Number.isFinite);
  return ratios.length ? `× ${spread(ratios)}` : '';
}

function cpu({ cpu, rows }: Results): string {
  const all = rows.find(({ key }) => key === 'cpu')?.values.hero ?? [];
  const sorted = [...cpu].sort((a, b) => median(b.values) - median(a.values));
  const body = sorted.map(({ process, values }) => [process, spread(values)]);
  return table([['process', 'ms of CPU a play'], ...body, ...(all.length ? [['all of them', spread(all)]] : [])]);
}

function own({ own }: Results): string {
  const row = ({ name, unit, values, target }: OwnFigure): string[] => [
    name,
    unit,
    spread(values),
    goal(target, values),
  ];
  return table([['what', 'unit', 'measured', 'goal'], ...own.map(row)]);
}
