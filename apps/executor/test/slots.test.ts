import { describe, expect, test } from '@jest/globals';
import { Slots } from '../src/slots.js';

const slots = (count: number) => {
  const freed: number[] = [];
  const all: Slots = new Slots(count, () => freed.push(all.free));
  return { all, freed };
};

describe('slots', () => {
  test('a lingering play leaves its slot to new work, and takes one again at once where one is free', async () => {
    const { all, freed } = slots(1);
    const parent = all.take();
    expect(all.free).toBe(0);
    expect(parent.lend()).toBe(true);
    expect([all.free, freed]).toEqual([1, [1]]);
    expect(await parent.back(1)).toBe(true);
    expect([all.busy, all.free]).toEqual([1, 0]);
    parent.give();
    expect(all.busy).toBe(0);
  });

  test('what is wanted back goes before new work', async () => {
    const { all, freed } = slots(1);
    const parent = all.take();
    parent.lend();
    const child = all.take();
    const back = parent.back(10_000);
    expect(all.free).toBe(0);
    freed.length = 0;
    child.give();
    expect(await back).toBe(true);
    expect([all.busy, all.free, freed]).toEqual([1, 0, []]);
  });

  test('a slot that does not come in time is not taken, and given back is nothing twice', async () => {
    const { all } = slots(1);
    const parent = all.take();
    parent.lend();
    const child = all.take();
    expect(await parent.back(5)).toBe(false);
    parent.give();
    parent.give();
    expect(all.busy).toBe(1);
    child.give();
    child.give();
    expect([all.busy, all.free]).toEqual([0, 1]);
  });

  test('at most as many plays linger as there are slots', () => {
    const { all } = slots(2);
    const [first, second] = [all.take(), all.take()];
    expect([first.lend(), second.lend()]).toEqual([true, true]);
    const third = all.take();
    expect(third.lend()).toBe(false);
    expect(all.busy).toBe(1);
    first.give();
    expect(third.lend()).toBe(true);
  });
});
