/** Plays with packages on a fresh HERO_HOME with two executors, in turn with plays without. Needs the package index. */
import { performance } from 'node:perf_hooks';
import { Street } from '@hero/conformance';
import { type Figure, percentile, single, spread } from './figures.js';
import { TRIVIAL } from './flows.js';
import { client, run, save, warmUp } from './plays.js';

const WITH_PACKAGES = `# /// script\n# dependencies = ["pandas", "httpx"]\n# ///\n${TRIVIAL}`;
const SAMPLES = 150;
const median = (took: number[]): number =>
  percentile(
    [...took].sort((a, b) => a - b),
    0.5,
  );

export async function packages(): Promise<Figure[]> {
  await using street = await Street.start({ executors: 2, slots: 8, ownPostgres: true });
  const hero = client(street);
  const [without, required] = [await save(hero, 'no packages', TRIVIAL), await save(hero, 'packages', WITH_PACKAGES)];
  const timed = async (sid: string): Promise<number> => {
    const began = performance.now();
    await run(hero, sid);
    return performance.now() - began;
  };
  const first = await timed(required);
  const second = await timed(required);
  // Until both executors have opened the environment, and V8 has compiled what it will.
  await Promise.all(Array.from({ length: 16 }, () => run(hero, required)));
  await warmUp(hero, 200);
  const took: Record<'without' | 'required', number[]> = { without: [], required: [] };
  for (let i = 0; i < SAMPLES; i++) {
    took.without.push(await timed(without));
    took.required.push(await timed(required));
  }
  hero.close();
  return [
    single('first play with pandas and httpx: resolved and installed', 's', first / 1000),
    single('second play', 'ms', second),
    spread('play with pandas and httpx, later', 'ms', took.required),
    spread('play without packages, in turn', 'ms', took.without),
    single('  the difference of their medians', 'ms', median(took.required) - median(took.without), {
      target: { most: 5 },
    }),
  ];
}
