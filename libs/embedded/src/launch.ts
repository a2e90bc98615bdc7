/**
 * L1 The pid file is written before the parent waits for the server, so that the next start finds the server after a `kill -9` of the parent.
 * L2 A server's output goes to a file, not to a pipe, because the server outlives its parent. It has a session of its own, so that
 *    Ctrl-C in the terminal does not reach it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, processStart } from './processes.js';
import type { ServerHome, ServerDeath, ServerKind } from './server-kind.js';

export interface PidFile {
  readonly pid: number;
  readonly start: string;
  readonly port: number;
}

export const readJson = async <T>(path: string): Promise<T | undefined> =>
  await readFile(path, 'utf8')
    .then((text) => JSON.parse(text) as T)
    .catch(() => undefined);

export const pidFilePath = (kind: ServerKind, folder: string) => join(folder, `${kind.name}.pid`);
export const logFile = (kind: ServerKind, folder: string) => join(folder, `${kind.name}.log`);

/** Starts the process; it does not wait for it to answer. */
export async function launch(kind: ServerKind, home: ServerHome, port: number) {
  const { command, args, env } = await kind.command(home, port);
  const path = logFile(kind, home.state.folder);
  if ((await stat(path).catch(() => ({ size: 0 }))).size > 8 * 1024 * 1024) await rename(path, `${path}.1`);
  const output = await open(path, 'a', 0o600); // L2
  const logStart = (await output.stat()).size;
  const { uid, gid } = home.account;
  const child = spawn(command, args, {
    cwd: kind.dataFolder(home.state.folder),
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
    env: { PATH: process.env.PATH, HOME: kind.dataFolder(home.state.folder), ...env },
    uid,
    gid,
  });
  const exit = exitOf(kind, child);
  await output.close();
  child.unref();
  const pid = child.pid ?? 0;
  const processBegun = pid === 0 ? undefined : await processStart(pid);
  const pidFile: PidFile = { pid, start: processBegun ?? 'gone', port };
  await writeFile(pidFilePath(kind, home.state.folder), JSON.stringify(pidFile)); // L1
  return { pidFile, exit, logStart };
}

function exitOf(kind: ServerKind, child: ChildProcess): Promise<ServerDeath> {
  return new Promise((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) =>
      resolve({ name: kind.name, pid: child.pid ?? 0, code, signal });
    child.once('exit', end);
    child.once('error', (error) => resolve({ name: kind.name, pid: 0, code: null, signal: null, error }));
  });
}

/** Polls for the end of a server that is not a child of this process. */
export function watched(kind: ServerKind, pidFile: PidFile): Promise<ServerDeath> {
  return new Promise((resolve) => {
    const look = async () => {
      if (await isAlive(pidFile)) setTimeout(look, 200).unref();
      else resolve({ name: kind.name, pid: pidFile.pid, code: null, signal: null });
    };
    void look();
  });
}
