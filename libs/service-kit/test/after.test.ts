import { once } from 'node:events';
import { after } from '@hero/service-kit';
import { jest } from '@jest/globals';

const DAY_MS = 24 * 3_600_000;

describe('a timer', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
  afterEach(() => void jest.useRealTimers());

  it.each([0, 1, 1_000, 24 * DAY_MS, 25 * DAY_MS, 400 * DAY_MS])('of %i ms runs then, once, and not before', (ms) => {
    const run = jest.fn();
    after(ms, run);
    jest.advanceTimersByTime(Math.max(0, ms - 1));
    expect(run).toHaveBeenCalledTimes(ms === 0 ? 1 : 0);
    jest.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(500 * DAY_MS);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('that was disposed never runs', () => {
    const run = jest.fn();
    const timer = after(60 * DAY_MS, run);
    jest.advanceTimersByTime(59 * DAY_MS);
    timer[Symbol.dispose]();
    jest.advanceTimersByTime(60 * DAY_MS);
    expect(run).not.toHaveBeenCalled();
  });
});

it('a time that has passed is now', async () => {
  const ended = new AbortController();
  const aborted = once(ended.signal, 'abort');
  after(-1, () => ended.abort());
  await aborted;
});
