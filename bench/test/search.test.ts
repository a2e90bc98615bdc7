import { expect, test } from '@jest/globals';
import { judgedFlows, judgedQueries } from '../src/search/judged.js';
import { percentile, scoresOf } from '../src/search/scores.js';

test('the measures of an answer', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  expect(scoresOf([{ kind: 'k', names, wanted: ['a'] }])).toEqual({ queries: 1, recall5: 1, mrr: 1, ndcg10: 1 });
  const halves = scoresOf([
    { kind: 'k', names, wanted: ['b', 'f'] },
    { kind: 'k', names, wanted: ['x'] },
  ]);
  expect(halves).toMatchObject({ queries: 2, recall5: 0.25, mrr: 0.25 });
  expect(halves.ndcg10).toBeCloseTo((1 / Math.log2(3) + 1 / Math.log2(7)) / (1 + 1 / Math.log2(3)) / 2, 10);
  expect(percentile([5, 1, 3], 0.5)).toBe(3);
});

test('the judged set has many flows with names of their own, and queries that ask for some of them', () => {
  const names = judgedFlows().map(({ name }) => name);
  expect(names.length).toBeGreaterThanOrEqual(300);
  expect(new Set(names).size).toBe(names.length);
  const queries = judgedQueries();
  expect(queries.length).toBeGreaterThanOrEqual(150);
  expect(queries.flatMap(({ wanted }) => wanted).filter((name) => !names.includes(name))).toEqual([]);
  expect(queries.filter(({ wanted }) => wanted.length === 0)).toEqual([]);
});
