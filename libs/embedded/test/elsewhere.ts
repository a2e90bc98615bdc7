/** The library compiled to a folder of its own, for other processes and other users. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { transformFile } from '@swc/core';

/** Prints one line of JSON per event: {log}, {server}, {error}; runs until it reads `stop` or is killed. */
const program = `
import { startNats, startPostgres } from './src/index.js';
const { kind, ...options } = JSON.parse(process.argv[2]);
const say = (event) => console.log(JSON.stringify(event));
try {
  const server = await (kind === 'nats' ? startNats : startPostgres)({ ...options, log: (log) => say({ log }) });
  say({ server });
  process.stdin.once('data', async () => { await server.stop(); process.exit(0); });
} catch (error) {
  say({ error: error.message });
}
`;

/** Copies a package and its dependencies from the nearest node_modules, flat into the new one. */
async function copyPackage(name: string, from: string, to: string): Promise<void> {
  const here = join(from, 'node_modules', name);
  if (!existsSync(here)) return await copyPackage(name, dirname(from), to);
  const manifest = JSON.parse(await readFile(join(here, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  await cp(await realpath(here), join(to, 'node_modules', name), { recursive: true });
  for (const dependency of Object.keys(manifest.dependencies ?? {})) await copyPackage(dependency, here, to);
}

/** Compiles the library into the folder; returns the program's path. */
export async function compiled(folder: string): Promise<string> {
  const source = join(import.meta.dirname, '..', 'src');
  await mkdir(join(folder, 'src'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of await readdir(source)) {
    const { code } = await transformFile(join(source, name), { swcrc: true, root: join(source, '..', '..', '..') });
    await writeFile(join(folder, 'src', name.replace(/ts$/, 'js')), code);
  }
  await copyPackage('pg', source, folder);
  const path = join(folder, 'program.js');
  await writeFile(path, program);
  await chmod(folder, 0o755);
  return path;
}

export interface Parent {
  readonly child: ChildProcess;
  readonly logged: string[];
  readonly server: { url: string; pid: number; version: string; reused: boolean };
  readonly error: string | undefined;
}

export interface ParentOptions {
  kind: 'nats' | 'postgres';
  home: string;
  state?: string;
  cache?: string;
  durable?: boolean;
}

/** Starts the program (as another user), and returns when the server runs or could not be started. */
export async function parent(
  path: string,
  options: ParentOptions,
  account: { uid?: number; gid?: number } = {},
  /** kills it with -9 after this many ms */
  killedAfter?: number,
): Promise<Parent> {
  const env = { PATH: process.env.PATH, ...(account.uid === undefined ? {} : { HOME: options.home }) };
  const child = spawn(process.execPath, [path, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    env,
    ...account,
  });
  const bomb = killedAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killedAfter);
  child.once('exit', () => clearTimeout(bomb));
  const logged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { log?: string; server?: Parent['server']; error?: string };
    if (event.log) logged.push(event.log);
    else
      return {
        child,
        logged,
        server: event.server ?? { url: '', pid: 0, version: '', reused: false },
        error: event.error,
      };
  }
  throw new Error(`the program ended without a result: ${logged.join(', ')}`);
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}
