import { expect, test } from '@jest/globals';
import { until } from '../src/index.js';

test('it gives what the check finds at last', async () => {
  let looks = 0;
  expect(await until(async () => ++looks === 3 && 'found', { what: 'the third look' })).toBe('found');
});

test('it says what did not come, and what the check threw comes through', async () => {
  await expect(until(async () => false, { within: 20, what: 'rain' })).rejects.toThrow('rain: not within 20 ms');
  await expect(until(async () => await Promise.reject(new Error('no sky')), { what: 'rain' })).rejects.toThrow(
    'no sky',
  );
});
