/**
 * `npm run chaos -- --seconds N --seed S`: prints its progress and the report; ends with 1 where something was violated.
 * `npm run chaos -- --planted` removes guards of the product one by one, and ends with 1 where that was not noticed.
 */
import { parseArgs } from 'node:util';
import { MUTATIONS, runMutation } from './mutations.js';
import { chaos } from './run.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    executors: { type: 'string', default: '3' },
    plays: { type: 'string', default: '24' },
    every: { type: 'string', default: '1500' },
    planted: { type: 'boolean', default: false },
  },
});
const whole = (name: Exclude<keyof typeof values, 'planted'>): number => {
  const read = Number(values[name]);
  if (!Number.isInteger(read) || read < 0) throw new Error(`--${name} must be a whole number, not ${values[name]}`);
  return read;
};

if (values.planted) {
  let missed = 0;
  const control = await runMutation({ name: 'nothing', invariant: '', patches: [] }, whole('seed'));
  process.stdout.write(`with nothing removed: ${control.report.violations.length} violations\n`);
  for (const mutation of MUTATIONS) {
    const { report } = await runMutation(mutation, whole('seed'));
    const [first = 'NOT CAUGHT'] = report.violations;
    if (report.violations.length === 0) missed++;
    process.stdout.write(
      `${report.violations.length > 0 ? '✓' : '✗'} ${mutation.name} (${mutation.invariant}): ${first.slice(0, 160)}\n`,
    );
  }
  process.stdout.write(`${MUTATIONS.length - missed} of ${MUTATIONS.length} planted bugs caught\n`);
  process.exit(missed === 0 && control.report.violations.length === 0 ? 0 : 1);
}

const report = await chaos({
  seconds: whole('seconds'),
  seed: whole('seed'),
  executors: whole('executors'),
  plays: whole('plays'),
  every: whole('every'),
  say: (line) => void process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify({ ...report, violations: report.violations.slice(0, 100) }, null, 2)}\n`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
