/** A short chaos run, and the proof that its checks find faults. Long runs are started by hand (docs/chaos.md). */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { patched } from '../src/chaos/build-copy.js';
import { CHECKS } from '../src/chaos/checks.js';
import { inTurn, proveMutation } from '../src/chaos/mutation.js';
import { MUTATIONS } from '../src/chaos/mutations.js';
import { chaos } from '../src/chaos/run.js';
import { MODES } from './flow-runner.js';

it.each(MODES)(
  'random flows under faults of every kind, %s: no play is lost, no committed step runs again, no check is violated',
  async (_, env) => {
    const alwaysReplay = 'HERO_ALWAYS_REPLAY' in env;
    const report = await chaos({ seconds: 20, seed: 11, executors: 2, plays: 12, every: 1_500, alwaysReplay });
    expect(report.violations).toEqual([]);
    expect(report.plays).toBeGreaterThan(3);
    expect(report.steps).toBeGreaterThan(30);
    expect(Object.keys(report.faults).length).toBeGreaterThan(1);
  },
  300_000,
);

it('loses no slot with few slots and many cancels', async () => {
  const plan = { seconds: 15, seed: 23, executors: 2, slots: 1, plays: 10, cancelled: 0.7 };
  const report = await chaos({ ...plan, every: 4_000, faults: ['executor killed', 'wake-ups doubled'] });
  expect(report.violations).toEqual([]);
  expect(report.cancels).toBeGreaterThan(10);
}, 300_000);

/** The git tree decides which three, so that all have their turn. */
const commit = committed();

it.each(inTurn(MUTATIONS, 3, commit).map((mutation) => [mutation.name, mutation] as const))(
  `is reported by the check that names it (of ${commit.slice(0, 8)}): %s`,
  async (_, mutation) => {
    expect((await proveMutation(mutation, 5)).caught).not.toEqual([]);
  },
  900_000,
);

it('every mutation still fits the code, and there is one for every invariant', async () => {
  for (const { patches } of MUTATIONS)
    for (const patch of patches) expect((await patched(patch)).text).toContain(patch.replace);
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(25);
  const checks = new Set<string>(MUTATIONS.map(({ check }) => check));
  expect(Array.from({ length: 12 }, (_, n) => `I${n + 1}`).filter((check) => !checks.has(check))).toEqual([]);
});

it('every check is in the documentation, in the same words', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/chaos.md'), 'utf8');
  for (const [check, what] of Object.entries(CHECKS)) expect(text).toContain(`| ${check} | ${what} |`);
});

function committed(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD^{tree}'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim();
  } catch {
    return 'no commit'; // a source archive
  }
}
