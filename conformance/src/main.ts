/** `npm run faults -- --plays 200 --executor-kills 30 …`: a long manual run; prints each fault and the report. */
import { parseArgs } from 'node:util';
import { playFaults } from './faults.js';

const number = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const { values } = parseArgs({
  options: {
    plays: number('200'),
    steps: number('10'),
    pace: number('150'),
    executors: number('3'),
    slots: number('8'),
    seed: number('1'),
    every: number('700'),
    within: number('600000'),
    'executor-kills': number('30'),
    'nats-kills': number('0'),
    'jetstream-wipes': number('0'),
    'postgres-kills': number('0'),
    'registry-kills': number('0'),
    'ingest-kills': number('0'),
    'gateway-kills': number('0'),
  },
});
const count = (name: keyof typeof values): number => {
  const read = Number(values[name]);
  if (!Number.isInteger(read) || read < 0) throw new Error(`--${name} must be a whole number, not ${values[name]}`);
  return read;
};

const report = await playFaults({
  plays: count('plays'),
  steps: count('steps'),
  paceMs: count('pace'),
  executors: count('executors'),
  slots: count('slots'),
  seed: count('seed'),
  every: count('every'),
  within: count('within'),
  executorKills: count('executor-kills'),
  natsKills: count('nats-kills'),
  jetStreamWipes: count('jetstream-wipes'),
  postgresKills: count('postgres-kills'),
  serviceKills: {
    registry: count('registry-kills'),
    'span-ingest': count('ingest-kills'),
    'admin-gateway': count('gateway-kills'),
  },
  say: (line) => void process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
