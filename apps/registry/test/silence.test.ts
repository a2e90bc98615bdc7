/** Which executors are silent, and for how long, by a monotonic clock. */
import { expect, test } from '@jest/globals';
import { Silence } from '../src/runs/silence.js';

const sign = (owner: string, renewals: number, claim = '') => ({ owner, renewals, claim });

function measured() {
  let now = 1_000;
  const silence = new Silence(() => now);
  return {
    silence,
    /** The executors that have been silent for 5 s at this time. */
    at: (ms: number, ...signs: ReturnType<typeof sign>[]): string[] => {
      now = 1_000 + ms;
      return silence.of(signs, 5_000).map(({ owner, claim }) => owner + claim);
    },
  };
}

test('an executor is silent once its number of renewals has not changed for the whole time', () => {
  const { at } = measured();
  expect(at(0, sign('a', 1), sign('b', 1))).toEqual([]);
  expect(at(4_999, sign('a', 1), sign('b', 2))).toEqual([]);
  expect(at(5_000, sign('a', 1), sign('b', 2))).toEqual(['a']);
  expect(at(9_000, sign('a', 2), sign('b', 2))).toEqual([]);
  expect(at(10_000, sign('a', 2), sign('b', 2))).toEqual(['b']);
});

test('a claim of an executor that never renewed is measured by itself', () => {
  const { at } = measured();
  expect(at(0, sign('a', -1, ' first'))).toEqual([]);
  expect(at(5_000, sign('a', -1, ' first'), sign('a', -1, ' second'))).toEqual(['a first']);
});

test('an executor without claims for a while is measured again from the start, and after an outage all are', () => {
  const { at, silence } = measured();
  at(0, sign('a', 1));
  at(4_000);
  expect(at(5_000, sign('a', 1))).toEqual([]);
  silence.forget();
  expect(at(10_000, sign('a', 1))).toEqual([]);
  expect(at(15_000, sign('a', 1))).toEqual(['a']);
});
