/** A short chaos run, and the proof that its checker sees: the long ones are run by hand (docs/chaos.md). */
import { PLANTED, runPlanted } from '../src/chaos/planted.js';
import { chaos } from '../src/chaos/run.js';
import { patched } from '../src/chaos/tree.js';

it('random flows under faults of every kind: nothing is lost, nothing committed runs again, nothing is violated', async () => {
  const report = await chaos({ seconds: 20, seed: 11, executors: 2, plays: 12, every: 1_500 });
  expect(report.violations).toEqual([]);
  expect(report.plays).toBeGreaterThan(10);
  expect(report.steps).toBeGreaterThan(50);
  expect(Object.keys(report.faults).length).toBeGreaterThan(2);
}, 300_000);

it.each(['a replay does not look into its memory', 'a question takes a second answer'])(
  'is noticed: %s',
  async (name) => {
    const planted = PLANTED.find((one) => one.name === name);
    if (!planted) throw new Error(`no such bug is planted: ${name}`);
    expect((await runPlanted(planted, 5)).report.violations).not.toEqual([]);
  },
  300_000,
);

it('finds each guard that it removes exactly once in what is built', async () => {
  expect(PLANTED.length).toBeGreaterThanOrEqual(12);
  for (const patch of PLANTED.flatMap(({ patches }) => patches)) expect(await patched(patch)).toContain(patch.replace);
});
