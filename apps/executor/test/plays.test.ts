import { describe, expect, test } from '@jest/globals';
import { until } from '@hero/testing';
import { openStreet } from './street.js';

describe('an executor', () => {
  test('runs a play to its end: steps committed before they return, events in order, folder gone', async () => {
    await using street = await openStreet();
    await street.executor();
    const play = await street.registry.start(
      `
@flow
def add(a, b):
    return a + b
@flow
def main(n):
    print("hello")
    os.write(1, b"raw\\n")
    open("file", "w").write("x")
    return {"sum": add(add(n, 1), 2), "cwd": os.getcwd()}
`,
      { input: { n: 39 } },
    );
    await street.registry.is(play, 'success');
    expect(play.output).toEqual({ sum: 42, cwd: `${street.home}/var/plays/${play.sid}/work` });
    expect(play.steps.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['add', '40'],
      ['add', '42'],
    ]);
    const seen = await until(async () => {
      const types = play.events.map((event) => String(event.type));
      return types.filter((type) => type === 'step_committed').length === 2 && types;
    });
    expect(seen[0]).toBe('attempt_started');
    await until(async () => street.registry.texts(play).includes('raw'));
    expect(street.registry.texts(play)).toContain('hello');
    expect(play.batches).toEqual(play.batches.map((_, place) => `x1:${place + 1}`));
    await until(async () => street.registry.lastLease?.plays.length === 0 && street.registry.lastLease.busy === 0);
  });
});
