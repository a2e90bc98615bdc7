import { Database } from '@hero/persistence';
import { until } from '@hero/testing';
import { jest } from '@jest/globals';
import { PlayService } from './play-service.js';

/** What a registry asks the database while nobody asks it anything, and how long it waits before it asks again. */
const PERIODS_MS: Record<string, number> = {
  lease_signs: 500,
  play_overdue: 2_000,
  outbox_due: 500,
  resumes_due: 1_000,
  children_undelivered: 2_000,
  plays_with_orphans: 2_000,
  plays_overdue: 2_000,
};

test('at rest a registry asks the database no more than its sweeps need', async () => {
  const queries = jest.spyOn(Database.prototype, 'query');
  const connections = jest.spyOn(Database.prototype, 'with');
  await using registry = await PlayService.start();
  expect(await registry.sql('SELECT FROM plays')).toEqual([]);
  const times = (name: string): number => queries.mock.calls.filter(([each]) => each === name).length;
  // All jobs have looked at least once: what the start asked is behind it.
  await until(async () => Object.keys(PERIODS_MS).every((name) => times(name) > 0));
  queries.mockClear();
  connections.mockClear();
  const began = performance.now();
  await until(async () => times('plays_overdue') > 1, { within: 30_000 });
  const elapsed = performance.now() - began;
  const names = [...new Set(queries.mock.calls.map(([name]) => name))].sort();
  expect(names).toEqual(Object.keys(PERIODS_MS).sort());
  expect(connections.mock.calls.length).toBe(queries.mock.calls.length);
  // A timer may run a millisecond early.
  const most = (name: string): number => 1 + Math.floor(elapsed / ((PERIODS_MS[name] ?? 0) - 1));
  expect(names.filter((name) => times(name) > most(name))).toEqual([]);
}, 60_000);
