import { expect, test } from '@jest/globals';
import { until } from '../src/index.js';

test('it returns the first value that the check finds', async () => {
  let looks = 0;
  expect(await until(async () => ++looks === 3 && 'found', { what: 'the third look' })).toBe('found');
});

test('it names what did not happen in time, and passes on an error of the check', async () => {
  await expect(until(async () => false, { within: 20, what: 'rain' })).rejects.toThrow('rain: not within 20 ms');
  await expect(until(async () => await Promise.reject(new Error('no sky')), { what: 'rain' })).rejects.toThrow(
    'no sky',
  );
});
