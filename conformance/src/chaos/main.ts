/** `npm run chaos -- --seconds N --seed S`: prints its progress and the report; ends with 1 where something was violated. */
import { parseArgs } from 'node:util';
import { chaos } from './run.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    executors: { type: 'string', default: '3' },
    plays: { type: 'string', default: '24' },
    every: { type: 'string', default: '1500' },
  },
});
const whole = (name: keyof typeof values): number => {
  const read = Number(values[name]);
  if (!Number.isInteger(read) || read < 0) throw new Error(`--${name} must be a whole number, not ${values[name]}`);
  return read;
};

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
