/**
 * CPU time of a system's processes, from /proc. Each live process counts with its own time and that of the children it has waited for, so
 * the difference of two readings holds every process that lived between them, gone ones too.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** /proc counts in hundredths of a second on every Linux. */
const MS_PER_TICK = 10;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ms: number;
}

export function parseStat(text: string): Stat {
  // The name in parentheses may hold spaces and parentheses: count from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
  return { pid: Number.parseInt(text, 10), parent: Number(fields[1]), ms: ticks * MS_PER_TICK };
}

function* live(): Generator<Stat> {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      yield parseStat(readFileSync(`/proc/${name}/stat`, 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ESRCH') throw error; // it ended between the two calls
    }
  }
}

/** Milliseconds so far, by name; what an executor forks (Python) is told apart from the executor. */
export function cpuTimes(roots: ReadonlyMap<string, number>, stats: Iterable<Stat> = live()): Map<string, number> {
  const all = new Map([...stats].map((stat) => [stat.pid, stat]));
  const names = new Map([...roots].map(([name, pid]) => [pid, name]));
  const times = new Map<string, number>();
  for (const { pid, ms } of all.values()) {
    let at: number | undefined = pid;
    while (at !== undefined && !names.has(at)) at = all.get(at)?.parent;
    const root = at === undefined ? undefined : names.get(at);
    if (root === undefined) continue;
    const name = pid !== at && root.startsWith('executor') ? 'fork server and plays' : root.replace(/-\d+$/, '');
    times.set(name, (times.get(name) ?? 0) + ms);
  }
  return times;
}

/** What `job` cost, by name, and its result. */
export async function cpuOf<T>(
  roots: () => ReadonlyMap<string, number>,
  job: () => Promise<T>,
): Promise<{ result: T; ms: Map<string, number> }> {
  const before = cpuTimes(roots());
  const result = await job();
  const after = cpuTimes(roots());
  return { result, ms: new Map([...after].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)])) };
}
