/**
 * Finds and ends processes that an earlier process may have started.
 *
 * P1 A pid counts only together with the start of its process (boot id and start time), so a recycled pid is never mistaken
 *    for one of ours.
 * P2 A server's working directory is in its data folder: every process that works there is ours, even without a pid file.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
let bootId: Promise<string> | undefined;

/** Distinguishes this process from all others that had the same pid; undefined if it has ended (or is a zombie). */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    const listed = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    const line = listed.stdout.trim();
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name in parentheses may contain spaces and parentheses, so the fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((id) => id.trim());
  return `${await bootId}:${fields[19]}`;
}

export async function isAlive(process: { pid: number; start: string }): Promise<boolean> {
  return (await processStart(process.pid)) === process.start;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Polling is the only way to see the end of a process that is not our child. */
async function isGone(gone: () => Promise<boolean>, within: number): Promise<boolean> {
  const end = Date.now() + within;
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    if (await gone()) return true;
    if (Date.now() > end) return false;
    await delay(pause);
  }
}

/** Ends one process: each signal gets its time in ms, then SIGKILL. */
export async function endProcess(
  target: { pid: number; start: string },
  steps: readonly (readonly [NodeJS.Signals, number])[],
): Promise<void> {
  for (const [name, within] of [...steps, ['SIGKILL', 5000] as const]) {
    if (!(await isAlive(target))) return;
    signal(target.pid, name);
    if (await isGone(async () => !(await isAlive(target)), within)) return;
  }
}

/** Pids of all processes whose working directory is the folder or lies in it (P2). Empty where there is no /proc. */
export async function processesIn(folder: string): Promise<number[]> {
  const real = await realpath(folder).catch(() => undefined);
  if (real === undefined) return [];
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const inside = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (cwd !== real && !cwd.startsWith(`${real}/`)) return false;
      return (await processStart(pid)) !== undefined;
    }),
  );
  return pids.filter((_, index) => inside[index]);
}

/** Waits until no process works in the folder; after `patience` ms it sends the signals, then SIGKILL. */
export async function emptyOfProcesses(folder: string, patience: number): Promise<void> {
  const empty = async () => (await processesIn(folder)).length === 0;
  if (await isGone(empty, patience)) return;
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of await processesIn(folder)) signal(pid, name);
    if (await isGone(empty, 3000)) return;
  }
}
