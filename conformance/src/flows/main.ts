/** `npm run samples -- --mode killed --rounds 3 --only queue`: plays the sample flows; exits with 1 if one fails. */
import { parseArgs } from 'node:util';
import { runSamples, SAMPLE_MODES } from './run-samples.js';

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'plain' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const mode = SAMPLE_MODES.find((one) => one === values.mode);
if (!mode) throw new Error(`--mode is one of ${SAMPLE_MODES.join(', ')}`);
console.log(`mode ${mode}, seed ${values.seed}`);
const say = (line: string): void => console.log(line);
const faults = await runSamples({
  mode,
  only: values.only,
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  say,
});
console.log(faults.size === 0 ? 'all passed' : `${faults.size} failed: ${[...faults.keys()].join(', ')}`);
process.exitCode = faults.size === 0 ? 0 : 1;
