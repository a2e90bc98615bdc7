/** `broker`: the scripted broker of the SDK (docs/testing.md), a language model for examples that run offline. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { UsageError } from './environment.js';

const SDK = resolve(import.meta.dirname, '../../../sdk-python/src');

/** Serves until it is interrupted; returns the exit code. */
export async function broker({ script, port }: { script: string; port: string }): Promise<number> {
  const python = process.env.HERO_PYTHON || 'python3';
  const child = spawn(python, ['-m', 'hero_tracing.testing.broker', resolve(script), '--port', port], {
    stdio: 'inherit',
    env: { ...process.env, PYTHONPATH: SDK },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGINT'));
  const failed = once(child, 'error').then(([error]: unknown[]) => {
    throw new UsageError(
      `${python} does not run (${String(error)}): install Python 3.10 or newer, or name it in HERO_PYTHON`,
    );
  });
  const [code] = (await Promise.race([once(child, 'exit'), failed])) as [number | null];
  return code ?? 1;
}
