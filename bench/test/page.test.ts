import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { cpuTimes, parseStat } from '../src/peers/cpu.js';
import type { ComparedRow } from '../src/peers/in-turn.js';
import { page } from '../src/peers/page.js';
import type { Results } from '../src/peers/results.js';

const docs = resolve(import.meta.dirname, '../../docs');
const committed = readFileSync(resolve(docs, 'figures.md'), 'utf8');
const results = (): Results => JSON.parse(readFileSync(resolve(docs, 'figures.json'), 'utf8')) as Results;

const systems: Results['systems'] = [
  { id: 'hero', name: 'Hero Logic', version: '1' },
  { id: 'restate', name: 'Restate', version: '2' },
  { id: 'dbos', name: 'DBOS', version: '3' },
];

const withRow = (row: Partial<ComparedRow>): Results => ({
  ...results(),
  systems,
  rows: [{ key: 'k', name: 'a row', unit: 'ms', values: {}, missing: {}, ...row }],
});

test('the generated parts of docs/figures.md are what docs/figures.json gives', () => {
  expect(page(committed, results())).toBe(committed);
});

test('a page that was generated is generated again without a change, and its prose is left alone', () => {
  const changed = withRow({ goal: { most: 6 }, values: { hero: [5, 6, 7] } });
  const once = page(committed, changed);
  expect(once).not.toBe(committed);
  expect(page(once, changed)).toBe(once);
  expect(page(once, results())).toBe(committed);
});

test('a row shows the median with the smallest and the largest, the goal, and the ratio round by round', () => {
  const values = { hero: [10, 20, 60], restate: [5, 5, 5] };
  const text = page(committed, withRow({ goal: { most: 15 }, values, missing: { dbos: 'no such thing' } }));
  const row = text.split('\n').find((line) => line.startsWith('| a row |'));
  expect(row).toContain('| 20.0 (10.0–60.0) | ≤ 15: not reached | 5.00 (5.00–5.00) | × 4.00 (2.00–12.0) |');
  expect(row).toContain('– (no such thing)');
  expect(page(committed, withRow({ below: 'restate', values }))).toContain('| below Restate: not reached |');
  expect(page(committed, withRow({ goal: { least: 15 }, values }))).toContain('≥ 15 ✓');
});

test('a page without its markers is refused', () => {
  expect(() => page('# Figures', results())).toThrow('docs/figures.md has no part between');
});

test('CPU time counts processes with their descendants, and what an executor forks apart from it', () => {
  const stat = (pid: number, name: string, parent: number, own: [number, number], waited: [number, number]) =>
    parseStat(`${pid} (${name}) S ${parent} 1 1 0 -1 0 0 0 0 0 ${own.join(' ')} ${waited.join(' ')} 20 0 1`);
  const stats = [
    stat(1, 'init', 0, [500, 0], [0, 0]),
    stat(10, 'node', 1, [3, 1], [0, 0]),
    stat(11, 'a (b) c', 10, [2, 0], [4, 1]),
    stat(12, 'python3', 11, [1, 0], [0, 0]),
    stat(20, 'postgres', 1, [1, 1], [0, 0]),
    stat(21, 'postgres', 20, [5, 0], [0, 0]),
  ];
  const roots = new Map([
    ['executor-1', 10],
    ['PostgreSQL', 20],
  ]);
  expect(Object.fromEntries(cpuTimes(roots, stats))).toEqual({
    executor: 40,
    'fork server and plays': 80,
    PostgreSQL: 70,
  });
});
