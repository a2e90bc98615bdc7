import { describe, expect, test } from '@jest/globals';
import { type Slot, Slots } from '../src/slots.js';

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
    parent[Symbol.dispose]();
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
    child[Symbol.dispose]();
    expect(await back).toBe(true);
    expect([all.busy, all.free, freed]).toEqual([1, 0, []]);
  });

  test('a slot that does not come in time is not taken, and given back is nothing twice', async () => {
    const { all } = slots(1);
    const parent = all.take();
    parent.lend();
    const child = all.take();
    expect(await parent.back(5)).toBe(false);
    parent[Symbol.dispose]();
    parent[Symbol.dispose]();
    expect(all.busy).toBe(1);
    child[Symbol.dispose]();
    child[Symbol.dispose]();
    expect([all.busy, all.free]).toEqual([0, 1]);
  });

  test('a play that ends while it waits for its slot gets none: with one slot, work goes on', async () => {
    const { all, freed } = slots(1);
    const parent = all.take();
    parent.lend();
    const child = all.take();
    const back = parent.back(10_000);
    parent[Symbol.dispose]();
    expect(await back).toBe(false);
    freed.length = 0;
    child[Symbol.dispose]();
    expect([all.busy, all.lingering, all.free, freed]).toEqual([0, 0, 1, [1]]);
  });

  test('a play that is over takes no slot any more, whatever is still asked on its behalf', async () => {
    const { all } = slots(2);
    const play = all.take();
    play[Symbol.dispose]();
    expect([play.lend(), await play.back(1), all.busy, all.lingering]).toEqual([false, false, 0, 0]);
  });

  test('a play whose slot did not come in time still lingers, and may ask again', async () => {
    const { all } = slots(1);
    const parent = all.take();
    parent.lend();
    const child = all.take();
    expect(await parent.back(1)).toBe(false);
    expect([all.lingering, all.free]).toEqual([1, 0]);
    child[Symbol.dispose]();
    expect(await parent.back(1)).toBe(true);
    expect([all.busy, all.lingering]).toEqual([1, 0]);
  });

  test.each([1, 2, 5])(
    'with %i slots, a thousand plays that end in every state leave every slot free',
    async (count) => {
      const { all } = slots(count);
      const moves = new Set<string>();
      const plays = new Set<Slot>();
      const backs: Promise<boolean>[] = [];
      // A generator of numbers with a fixed seed: the same run each time.
      let seed = count;
      const below = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
      const one = (): Slot | undefined => [...plays][below(plays.size || 1)];
      for (let ended = 0; ended < 1_000; ) {
        const play = one();
        switch (below(5)) {
          case 0:
          case 1:
            if (all.free > 0) plays.add(all.take());
            break;
          case 2:
            play?.lend();
            break;
          case 3:
            if (play) backs.push(play.back(60_000));
            break;
          case 4:
            if (!play) break;
            moves.add(all.stateOf(play) ?? 'none');
            play[Symbol.dispose]();
            plays.delete(play);
            ended++;
        }
        if (below(3) === 0) await undefined;
        expect(all.busy).toBeLessThanOrEqual(count);
        expect(all.busy + all.lingering).toBe(plays.size);
        expect(plays.size).toBeLessThanOrEqual(2 * count);
      }
      for (const play of plays) play[Symbol.dispose]();
      await Promise.all(backs);
      expect([...moves].sort()).toEqual(['lingering', 'returning', 'working']);
      expect([all.busy, all.lingering, all.free]).toEqual([0, 0, count]);
    },
  );

  test('at most as many plays linger as there are slots', () => {
    const { all } = slots(2);
    const [first, second] = [all.take(), all.take()];
    expect([first.lend(), second.lend()]).toEqual([true, true]);
    const third = all.take();
    expect(third.lend()).toBe(false);
    expect(all.busy).toBe(1);
    first[Symbol.dispose]();
    expect(third.lend()).toBe(true);
  });
});
