/** Plays all sample flows on one street, in one of three modes, several at a time. */
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { mountedFolder } from '../faults.js';
import { seeded } from '../random.js';
import { Street } from '../street.js';
import { runSample } from './run-sample.js';
import { readSamples, type Sample } from './samples.js';

export const SAMPLE_MODES = ['plain', 'replayed', 'killed'] as const;
export type SampleMode = (typeof SAMPLE_MODES)[number];

export interface SamplePlan {
  mode: SampleMode;
  seed: number;
  only?: string;
  /** Number of times each sample is played. */
  rounds?: number;
  atOnce?: number;
  withinMs?: number;
  say?: (line: string) => void;
}

/** Mean time between two kills of an executor, long enough for some steps on a slow machine. */
const KILL_EVERY_MS = 1_500;

/** Faults by the name of the sample; empty if all samples passed. */
export async function runSamples(plan: SamplePlan): Promise<Map<string, string[]>> {
  const { mode, seed, only = '', rounds = 1, atOnce = 6, withinMs = 60_000, say = () => undefined } = plan;
  const samples = readSamples(pythonVersion()).filter(({ name }) => name.includes(only));
  await using mounted = await mountedFolder();
  await using street = await Street.start({
    executors: mode === 'killed' ? 2 : 1,
    slots: 12,
    env: { HERO_MOUNTS: `${mounted.path}:rw`, ...(mode === 'replayed' && { HERO_ALWAYS_REPLAY: '1' }) },
  });
  const hero = new HeroClient(unixTransport(street.rpcSocket));
  const random = seeded(seed);
  const run = { street, hero, folder: mounted.path, random, cut: mode === 'killed', withinMs };
  const over = new AbortController();
  const killer = mode === 'killed' ? killExecutors(street, random, over.signal) : Promise.resolve();
  const left: [Sample, number][] = samples.flatMap((sample) =>
    Array.from({ length: rounds }, (_, round): [Sample, number] => [sample, round]),
  );
  const faults = new Map<string, string[]>();
  const playNext = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [sample, round] = next;
      const found = await runSample(sample, run, `${sample.name}-${round}`);
      say(`${found.length === 0 ? 'ok  ' : 'FAIL'} ${sample.name} ${found.join('; ')}`);
      if (found.length > 0) faults.set(sample.name, [...(faults.get(sample.name) ?? []), ...found]);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, playNext));
  } finally {
    over.abort();
    await killer;
    hero.close();
  }
  return faults;
}

async function killExecutors(street: Street, random: () => number, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await delay(KILL_EVERY_MS * (0.5 + random()), undefined, { signal });
    } catch {
      return;
    }
    const live = street.liveExecutors();
    await live[Math.floor(random() * live.length)]?.kill();
    await street.startExecutor();
  }
}

function pythonVersion(): string {
  const code = 'import sys; print("%d.%d" % sys.version_info[:2])';
  return spawnSync(process.env['HERO_PYTHON'] ?? 'python3', ['-c', code], { encoding: 'utf8' }).stdout.trim();
}
