/** Runs programs to their end. */
import { type SpawnOptions, spawn } from 'node:child_process';
import type { Account } from './account.js';

export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  /** the end of its output, or why it could not run */
  readonly why: string;
}

export interface RunOptions {
  as?: Account;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** ms */
  within?: number;
}

/** Runs a program to its end; never throws. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<Ran> {
  const { as, cwd = '/', env = process.env, within = 30_000 } = options;
  const settings: SpawnOptions = { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] };
  if (as?.uid !== undefined) Object.assign(settings, { uid: as.uid, gid: as.gid });
  return await new Promise((resolve) => {
    const child = spawn(command, args, settings);
    const limit = setTimeout(() => child.kill('SIGKILL'), within);
    const done = (ran: Ran) => {
      clearTimeout(limit);
      resolve(ran);
    };
    let stdout = '';
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      said = (said + text).slice(-2000);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000);
    });
    child.once('error', (error) => done({ ok: false, stdout, why: error.message }));
    child.once('close', (code, signal) => {
      const last = said.trim().split('\n').slice(-4).join(' | ');
      const end = signal ? `ended by ${signal} (limit ${within / 1000} s)` : `exit ${code}`;
      done({ ok: code === 0, stdout, why: last === '' ? end : `${end}: ${last}` });
    });
  });
}

/** The folders of PATH. */
export function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'));
}
