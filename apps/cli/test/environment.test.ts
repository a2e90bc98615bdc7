/** What `up` itself reads from the environment. */
import { readEnvironment } from '../src/environment.js';

describe('the environment of up', () => {
  it('takes the number of executors, one where none is named', () => {
    expect(readEnvironment({}).HERO_EXECUTORS).toBe(1);
    expect(readEnvironment({ HERO_EXECUTORS: '' }).HERO_EXECUTORS).toBe(1);
    expect(readEnvironment({ HERO_EXECUTORS: '64' }).HERO_EXECUTORS).toBe(64);
  });

  it('says what is wrong with a number', () => {
    for (const [value, fault] of [
      ['many', 'must be a whole number'],
      ['1.5', 'must be a whole number'],
      ['0', 'at least 1'],
      ['65', 'at most 64'],
    ] as const)
      expect(() => readEnvironment({ HERO_EXECUTORS: value })).toThrow(fault);
  });
});
