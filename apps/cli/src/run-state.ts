import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isAlive, processStart } from '@hero/embedded';

/** The processes that `up` started for one HERO_HOME, stored on disk so that `down` and the next `up` after a kill -9 find them. */
export interface RunState {
  readonly supervisor: ProcessMark;
  readonly children: Record<string, ProcessMark>;
  readonly nats: { readonly url: string; readonly embedded: boolean; readonly pid?: number };
  readonly postgres: { readonly embedded: boolean; readonly pid?: number };
}

/** A pid with the start of its process, so that a recycled pid is not mistaken for ours. */
export interface ProcessMark {
  readonly pid: number;
  readonly start: string;
}

export const heroHome = (): string => resolve(process.env.HERO_HOME ?? join(homedir(), 'hero'));
export const rpcSocket = (home: string): string => join(home, 'var', 'sockets', 'hero_logic', 'rpc.sock');
const runFile = (home: string): string => join(home, 'var', 'run', 'embedded.json');

export async function markOf(pid: number): Promise<ProcessMark | undefined> {
  const start = await processStart(pid);
  return start === undefined ? undefined : { pid, start };
}

export async function readRunState(home: string): Promise<RunState | undefined> {
  const text = await readFile(runFile(home), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as RunState);
}

/** Written atomically, so that a reader never sees half a file. */
export async function writeRunState(home: string, state: RunState): Promise<void> {
  const path = runFile(home);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.${process.pid}`, JSON.stringify(state, null, 2), { mode: 0o600 });
  await rename(`${path}.${process.pid}`, path);
}

export const removeRunState = (home: string): Promise<void> => rm(runFile(home), { force: true });

export async function liveSupervisor(home: string): Promise<RunState | undefined> {
  const state = await readRunState(home);
  return state && (await isAlive(state.supervisor)) ? state : undefined;
}
