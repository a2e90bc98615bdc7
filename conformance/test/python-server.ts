/** The Python that has the vendors' clients, and servers in Python for one test. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');

/** The interpreter of the checks (tools/python-env.mjs). Two workers of jest do not make it at the same time. */
export function pythonWithClients(): string {
  const make = `import { pythonEnv } from ${JSON.stringify(pathToFileURL(join(ROOT, 'tools/python-env.mjs')).href)};
    process.stdout.write(pythonEnv(${JSON.stringify(ROOT)}));`;
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const args = [join(cache, 'hero-python.lock'), process.execPath, '--input-type=module', '-e', make];
  return execFileSync('flock', args, { encoding: 'utf8' });
}

export interface PythonServer extends AsyncDisposable {
  readonly url: string;
  readonly log: readonly string[];
}

/** Starts a server that says its address in the first line on stderr. */
export async function serve(python: string, ...args: string[]): Promise<PythonServer> {
  const child = spawn(python, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: ROOT });
  const log: string[] = [];
  const lines = createInterface(child.stderr);
  const first = once(lines, 'line');
  lines.on('line', (line: string) => log.push(line));
  const [line] = (await first) as [string];
  return {
    url: /http:\S+/.exec(line)?.[0] ?? '',
    log,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export const serveScript = (python: string, script: string): Promise<PythonServer> =>
  serve(python, '-m', 'hero_tracing.testing.broker', script);
