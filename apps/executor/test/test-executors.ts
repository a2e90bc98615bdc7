/** A nats-server, a fake registry and real executors, each a process of its own, for one test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AsyncDisposableStack, type TempFolder, type TestServer, tempFolder, testNats, until } from '@hero/testing';
import { FakeRegistry } from './fake-registry.js';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');

export interface TestExecutors extends AsyncDisposable {
  readonly registry: FakeRegistry;
  readonly home: string;
  readonly nats: TestServer;
  /** Waits until no play's process and no play's folder is left at the executor. */
  nothingLeft(): Promise<void>;
  executor(env?: Record<string, string>, as?: { uid: number; python: string }): Promise<ExecutorProcess>;
}

export interface ExecutorProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly log: string[];
  /** All processes that came from it and still run, without its egress proxy. */
  family(): number[];
  /** Those that live now: one for each open environment. */
  forkServers(): number[];
  /** Its egress proxy; undefined where there is none. */
  proxy(): number | undefined;
  exited: Promise<number | null>;
}

export async function openExecutors(): Promise<TestExecutors> {
  const stack = new AsyncDisposableStack();
  const folder: TempFolder = stack.use(await tempFolder());
  const nats = stack.use(await testNats());
  const registry = stack.use(await FakeRegistry.start(nats.url));
  const home = join(folder.path, 'home');
  return {
    registry,
    home,
    async nothingLeft() {
      // A lease that was sent before this was asked may know nothing of a play yet.
      const before = registry.leases;
      const idle = async (): Promise<boolean> =>
        registry.leases > before && registry.lastLease?.busy === 0 && registry.lastLease.plays.length === 0;
      await until(idle, { what: 'an executor without plays' });
      const folders = await readdir(join(home, 'var', 'plays', registry.lastLease?.instance ?? ''));
      if (folders.some((name) => name !== 'executor.pid' && !name.startsWith('armed.')))
        throw new Error(`folders are left: ${folders.join()}`);
    },
    nats,
    async executor(env = {}, as) {
      const executor = startExecutor({ NATS_URL: nats.url, HERO_HOME: home, ...env }, as);
      stack.defer(async () => {
        executor.child.kill('SIGCONT');
        executor.child.kill('SIGKILL');
        await executor.exited;
      });
      const before = registry.leases;
      const up = async (): Promise<boolean> => {
        if (executor.child.exitCode !== null) throw new Error(`executor ended: ${executor.log.join('')}`);
        return registry.leases > before && registry.lastLease?.pid === executor.pid;
      };
      await until(up, { within: 15_000, what: `the executor's first lease` }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${executor.log.join('')}`);
      });
      return executor;
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

function startExecutor(env: Record<string, string>, as?: { uid: number; python: string }): ExecutorProcess {
  const { PATH = '', HOME = '' } = process.env;
  const full = { PATH, HOME, HERO_LOG_LEVEL: 'info', HERO_DRAIN_MS: '200', ...env };
  const command = as
    ? ['setpriv', `--reuid=${as.uid}`, `--regid=${as.uid}`, '--clear-groups', process.execPath, MAIN]
    : [process.execPath, MAIN];
  const [program = '', ...args] = command;
  const given = as ? { ...full, HERO_PYTHON: as.python } : full;
  const child = spawn(program, args, { env: given, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const pid = child.pid ?? 0;
  const family = (): number[] => descendants(pid).filter((one) => !isProxy(one));
  const forkServers = (): number[] => forkServersOf(pid);
  return { child, pid, log, family, forkServers, proxy: () => descendants(pid).find(isProxy), exited };
}

const isProxy = (pid: number): boolean => runs(pid, 'hero_tracing._egress');

function runs(pid: number, module: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(module);
  } catch {
    return false;
  }
}

/** Pids of everything below a process, by the parents in /proc. */
function descendants(pid: number): number[] {
  const children = allChildren();
  const below = (of: number): number[] => (children.get(of) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

export const forkServersOf = (pid: number): number[] =>
  (allChildren().get(pid) ?? []).filter((one) => runs(one, 'hero_tracing.forkserver'));

function allChildren(): Map<number, number[]> {
  const lines = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const children = new Map<number, number[]>();
  for (const line of lines) {
    const [own = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    children.set(parent, [...(children.get(parent) ?? []), own]);
  }
  return children;
}

/** A zombie is gone: who has to reap it may take its time. */
export const alive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
