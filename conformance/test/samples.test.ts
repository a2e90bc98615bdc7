/** The sample flows (`conformance/flows`), run normally, replayed after each commit, and while executors are killed. */
import { runSamples, SAMPLE_MODES } from '../src/flows/run-samples.js';

it.each(SAMPLE_MODES)(
  'every sample flow returns its expected output, and no committed step runs again: %s',
  async (mode) => {
    expect(Object.fromEntries(await runSamples({ mode, seed: 7 }))).toEqual({});
  },
  900_000,
);
