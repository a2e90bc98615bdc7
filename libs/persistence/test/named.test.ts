/** Parameters by name. */
import { testDatabase } from '@hero/testing';
import { Database, named } from '../src/index.js';

test('every occurrence of a name is replaced; casts and time formats are not parameters', async () => {
  await using database = await testDatabase();
  await using sql = new Database({ url: database.url, schema: 'public' });
  const statement = named<{ n: number; text: string | null }, Record<string, unknown>>(
    'named_test',
    `SELECT :n::int AS n, :n::int * 2 AS twice, coalesce(:text::text, 'none') AS text, ARRAY[1, 2]::text AS list,
            to_char(timestamp '2026-01-02 03:04:05', 'HH24:MI:SS') AS time`,
  );
  const rest = { list: '{1,2}', time: '03:04:05' };
  expect(await statement(sql, { text: null, n: 3 })).toEqual([{ n: 3, twice: 6, text: 'none', ...rest }]);
  expect(await statement(sql, { n: 4, text: ':n' })).toEqual([{ n: 4, twice: 8, text: ':n', ...rest }]);
});

test('a missing parameter throws before the query is sent', () => {
  const statement = named<{ n?: number }>('named_missing', 'SELECT :n::int');
  const nowhere = { query: () => Promise.reject(new Error('the query was sent')), run: () => Promise.resolve([]) };
  expect(() => statement(nowhere, {})).toThrow('named_missing needs the parameter n');
});
