import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Street } from '@hero/conformance';
import { type Figure, single, spread } from './figures.js';

const CLI = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');

export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;

/** Resident memory of every process of a street, in MB. */
export async function memory(street: Street): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { name, child } of street.processes.values()) {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    const kb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN);
    const target = name === 'span-ingest' ? { target: { most: 256 } } : {};
    figures.push(single(`memory of ${name}`, 'MB', kb / 1024, target));
  }
  return figures;
}

export const WARM_START = {
  name: 'warm start of the whole stack',
  unit: 'ms',
  target: { most: 2_000 },
} as const;

export async function warmStart(starts = 5): Promise<Figure> {
  const { name, unit, target } = WARM_START;
  return spread(name, unit, await warmStarts(starts), { target });
}

/** `up` until it is ready, with data that exists: the milliseconds of each start. */
export async function warmStarts(starts: number): Promise<number[]> {
  const home = await mkdtemp(join(tmpdir(), 'hero-start-'));
  const took: number[] = [];
  try {
    for (let i = 0; i <= starts; i++) {
      const began = performance.now();
      const up = spawn(process.execPath, [CLI, 'up'], {
        env: { ...process.env, HERO_HOME: home, HERO_HTTP_PORT: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      for await (const chunk of up.stdout) {
        text += String(chunk);
        if (/^ready after/m.test(text)) break;
      }
      if (i > 0) took.push(performance.now() - began);
      up.kill('SIGTERM');
      if (up.exitCode === null) await once(up, 'exit');
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  return took;
}
