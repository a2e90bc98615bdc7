/**
 * What `up` costs while nobody uses it: memory and CPU time of its processes, after some plays.
 *
 * Memory is what these processes would take together if nothing else ran: their own pages, and each mapped file once (the largest
 * part of it that one of them holds). Summed PSS says the same on an empty machine, and less where other Node processes run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { type Figure, single } from './figures.js';
import { warmUp } from './plays.js';

const CLI = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
const TICKS_A_SECOND = 100;

/** `calm`: after the plays V8 gives memory back for a while, which is not rest yet. */
export async function atRest({ calmSeconds = 30, seconds = 30 } = {}): Promise<Figure[]> {
  const home = await mkdtemp(join(tmpdir(), 'hero-rest-'));
  const up = spawn(process.execPath, [CLI, 'up'], {
    env: { ...process.env, HERO_HOME: home, HERO_HTTP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(up, 'exit');
  const hero = new HeroClient(unixTransport(join(home, 'var', 'sockets', 'hero_logic', 'rpc.sock')));
  try {
    for await (const chunk of up.stdout) if (/^ready after/m.test(String(chunk))) break;
    await warmUp(hero);
    const { postgres, services } = await hero.system_status({});
    hero.close();
    const executors = services.filter(({ name }) => name === 'executor').map(({ pid }) => pid);
    const stores = await withDescendants(postgres.pid ?? 0);
    const plays = (await Promise.all(executors.map(withDescendants))).flat().filter((pid) => !executors.includes(pid));
    const others = (await withDescendants(up.pid ?? 0)).filter((pid) => ![...stores, ...plays].includes(pid));
    await delay(calmSeconds * 1000);
    const before = [await ticks([...others, ...plays]), await ticks(stores)];
    await delay(seconds * 1000);
    const after = [await ticks([...others, ...plays]), await ticks(stores)];
    const [ours = 0, postgresShare = 0] = after.map((sum, i) => (sum - (before[i] ?? 0)) / TICKS_A_SECOND / seconds);
    return [
      single('memory of `up`, all but PostgreSQL and plays', 'MB', await memoryOf(others), { target: { most: 260 } }),
      single('CPU of `up` at rest, all but PostgreSQL', '%', ours * 100, { target: { most: 1 } }),
      single('  PostgreSQL', '%', postgresShare * 100),
    ];
  } finally {
    hero.close();
    up.kill('SIGTERM');
    await ended;
    await rm(home, { recursive: true, force: true });
  }
}

/** It, its children, and theirs. */
async function withDescendants(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(withDescendants));
  return [pid, ...below.flat()];
}

/** Of these processes, and of those of their children that have ended: PostgreSQL ends what has nothing to do. */
async function ticks(pids: readonly number[]): Promise<number> {
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.reduce((sum, stat) => {
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + fields.slice(11, 15).reduce((all, field) => all + Number(field), 0);
  }, 0);
}

async function memoryOf(pids: readonly number[]): Promise<number> {
  let own = 0;
  const files = new Map<string, number>();
  for (const pid of pids) {
    const held = new Map<string, number>();
    let file = '';
    for (const line of (await readFile(`/proc/${pid}/smaps`, 'utf8').catch(() => '')).split('\n')) {
      const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)\s*(.*)$/.exec(line);
      if (mapping) file = mapping[1] === '0' ? '' : (mapping[2] ?? '');
      const [, field, kb] = /^(Rss|Anonymous): +(\d+) kB/.exec(line) ?? [];
      if (field === 'Anonymous') own += Number(kb);
      if (file !== '' && field !== undefined)
        held.set(file, (held.get(file) ?? 0) + (field === 'Rss' ? Number(kb) : -Number(kb)));
    }
    for (const [name, kb] of held) files.set(name, Math.max(files.get(name) ?? 0, kb));
  }
  return [...files.values()].reduce((sum, kb) => sum + kb, own) / 1024;
}
