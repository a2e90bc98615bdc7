/** A short chaos run, and the proof that its checker sees: the long ones are run by hand (docs/chaos.md). */
import { MUTATIONS, runMutation } from '../src/chaos/mutations.js';
import { chaos } from '../src/chaos/run.js';
import { patched } from '../src/chaos/build-copy.js';

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
    const mutation = MUTATIONS.find((one) => one.name === name);
    if (!mutation) throw new Error(`no such mutation: ${name}`);
    expect((await runMutation(mutation, 5)).report.violations).not.toEqual([]);
  },
  300_000,
);

it('finds each guard that it removes exactly once in what is built', async () => {
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(12);
  for (const patch of MUTATIONS.flatMap(({ patches }) => patches))
    expect(await patched(patch)).toContain(patch.replace);
});
