/** What people write, run as it is, replayed after each commit, and with executors killed under it (`conformance/flows`). */
import { runSamples, SAMPLE_MODES } from '../src/flows/run-samples.js';

it.each(SAMPLE_MODES)(
  'every sample flow returns what it must, and no committed step runs again: %s',
  async (mode) => {
    expect(Object.fromEntries(await runSamples({ mode, seed: 7 }))).toEqual({});
  },
  900_000,
);
