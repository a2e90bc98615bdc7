/**
 * `npm run chaos -- --seconds N --seed S` prints its progress and the report; exits with 1 if there are violations.
 * `npm run chaos -- --planted [NAME…]` plants the mutations (all, or those whose names contain a word) one by one, and exits with 1
 * if one was not reported by the check that it names.
 */
import { parseArgs } from 'node:util';
import { ASYNC_ALL } from './async-statements.js';
import { type Mutation, proveMutation, runMutation } from './mutation.js';
import { MUTATIONS } from './mutations.js';
import { type ChaosReport, chaos } from './run.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    executors: { type: 'string', default: '3' },
    slots: { type: 'string', default: '6' },
    plays: { type: 'string', default: '24' },
    every: { type: 'string', default: '1500' },
    within: { type: 'string', default: '180' },
    cancelled: { type: 'string', default: '8' },
    async: { type: 'boolean', default: false },
    'always-replay': { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
  },
});
const whole = (name: Exclude<keyof typeof values, 'planted' | 'async' | 'always-replay'>): number => {
  const read = Number(values[name]);
  if (!Number.isInteger(read) || read < 0) throw new Error(`--${name} must be a whole number, not ${values[name]}`);
  return read;
};
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

process.exitCode = (await (values.planted ? plantAll() : play())) ? 0 : 1;

async function play(): Promise<boolean> {
  const report = await chaos({
    seconds: whole('seconds'),
    seed: whole('seed'),
    executors: whole('executors'),
    slots: whole('slots'),
    plays: whole('plays'),
    every: whole('every'),
    cancelled: whole('cancelled') / 100,
    within: whole('within') * 1_000,
    ...(values.async && { onlyAsync: ASYNC_ALL }),
    alwaysReplay: values['always-replay'],
    say: progress,
  });
  process.stdout.write(`${JSON.stringify({ ...report, violations: report.violations.slice(0, 100) }, null, 2)}\n`);
  process.stdout.write(`${summary(report)}\n`);
  return report.violations.length === 0;
}

function summary({ plays, forks, steps, effects, repeated, seconds, faults, violations }: ChaosReport): string {
  const count = Object.values(faults).reduce((sum, n) => sum + n, 0);
  return `${plays} plays and ${forks} forks, ${steps} steps (${effects} runs, ${repeated} of them cut), ${count} faults in ${Math.round(seconds)} s: ${violations.length} violations`;
}

async function plantAll(): Promise<boolean> {
  const wanted = (name: string): boolean => positionals.length === 0 || positionals.some((word) => name.includes(word));
  const mutations = MUTATIONS.filter(({ name }) => wanted(name));
  let missed = 0;
  if (positionals.length === 0) {
    const nothing: Mutation = { name: 'nothing', check: 'I1', patches: [] };
    const { report } = await runMutation(nothing, whole('seed'));
    process.stdout.write(`with nothing planted: ${report.violations.length} violations\n`);
    for (const violation of report.violations.slice(0, 10)) process.stdout.write(`  ${violation.slice(0, 200)}\n`);
    if (report.violations.length > 0) missed++;
  }
  for (const mutation of mutations) {
    const { report, caught, rounds } = await proveMutation(mutation, whole('seed'));
    const others = report.violations.length - caught.length;
    if (caught.length === 0) missed++;
    const said =
      caught[0]?.slice(0, 160) ?? `NOT CAUGHT; others said: ${report.violations[0]?.slice(0, 160) ?? 'nothing'}`;
    process.stdout.write(
      `${caught.length > 0 ? '✓' : '✗'} ${mutation.name} (${mutation.check}, run ${rounds}, ${Math.round(report.seconds)} s, ${caught.length} + ${others}): ${said}\n`,
    );
  }
  process.stdout.write(`${mutations.length} planted, ${missed} missed\n`);
  return missed === 0;
}
