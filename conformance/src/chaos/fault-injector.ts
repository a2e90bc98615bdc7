/** Injects faults into a street: kills and stops processes, restarts and stops servers, doubles messages. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { connectBus, publishJson } from '@hero/bus';
import { WORK_SUBJECT } from '@hero/contracts';
import { removeJetStream } from '../faults.js';
import type { Street, StreetService } from '../street.js';
import { pick, type Random } from './statements.js';

type Fault = (street: Street, random: Random) => Promise<unknown>;

const someExecutor = (street: Street, random: Random) => {
  const live = street.liveExecutors();
  return live[Math.floor(random() * live.length)];
};

const restarted =
  (name: StreetService): Fault =>
  async (street) => {
    await street.processes.get(name)?.kill();
    await street.startService(name);
  };

const killExecutor: Fault = async (street, random) => {
  await someExecutor(street, random)?.kill();
  await street.startExecutor();
};

const between = (least: number, most: number, random: Random): number => least + random() * (most - least);

const stopExecutor =
  (least: number, most: number): Fault =>
  async (street, random) => {
    const victim = someExecutor(street, random);
    victim?.signal('SIGSTOP');
    await delay(between(least, most, random));
    victim?.signal('SIGCONT');
  };

const restartNats: Fault = async (street, random) => {
  await street.nats.kill();
  if (random() < 0.2) await removeJetStream(street.nats.folder);
  await street.nats.restart();
};

const restartPostgres: Fault = async (street) => {
  await street.postgres?.kill();
  await street.postgres?.restart();
};

/** Stops a process and all that it has started with SIGSTOP for a while, because PostgreSQL has a process per connection. */
const stopped =
  (pidOf: (street: Street) => number | undefined, least: number, most: number): Fault =>
  async (street, random) => {
    const pid = pidOf(street);
    if (pid === undefined) return;
    const pids = [pid, ...(await below(pid))];
    for (const each of pids) signal(each, 'SIGSTOP');
    await delay(between(least, most, random));
    for (const each of pids) signal(each, 'SIGCONT');
  };

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process ended by itself meanwhile.
  }
}

async function below(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(/\) \S (\d+) /.exec(stat)?.[1]);
    if (parent > 0) parents.set(Number(name), parent);
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && (parents.get(pid) === root || isBelow(parents.get(pid)));
  return [...parents.keys()].filter(isBelow);
}

/** Publishes wake-ups again: of pending plays, and of plays that run or have ended (I8). */
const doubleDeliveries: Fault = async (street) => {
  const rows = await street.sql<{ play_sid: string; run_seq: number }>(
    `SELECT sid AS play_sid, run_seq FROM registry.plays ORDER BY sid DESC LIMIT 20`,
  );
  const bus = await connectBus({ url: street.nats.url, name: 'chaos' });
  try {
    await Promise.all(
      rows.map((row) => publishJson(bus.js, WORK_SUBJECT, row, { timeout: 2_000 }).catch(() => undefined)),
    );
  } finally {
    await bus.drain();
  }
};

const FAULTS = {
  'executor killed': killExecutor,
  'executor stopped': stopExecutor(1_000, 6_000),
  // Longer than its lease: it continues when other executors have its plays.
  'executor stopped for long': stopExecutor(6_000, 8_000),
  'nats restarted': restartNats,
  'nats stopped': stopped(({ nats }) => nats.pid, 500, 4_000),
  'postgres restarted': restartPostgres,
  'postgres stopped': stopped(({ postgres }) => postgres?.pid, 500, 7_000),
  'registry killed': restarted('registry'),
  'registry stopped': stopped(({ processes }) => processes.get('registry')?.child.pid, 500, 7_000),
  'span-ingest killed': restarted('span-ingest'),
  'gateway killed': restarted('admin-gateway'),
  'wake-ups doubled': doubleDeliveries,
} satisfies Record<string, Fault>;
export type FaultName = keyof typeof FAULTS;

/** Executors are killed most often. */
const LIKELY: readonly FaultName[] = ['executor killed', 'executor killed', ...(Object.keys(FAULTS) as FaultName[])];

export interface FaultPlan {
  /** Mean time between two faults in ms; 0 means no faults. */
  every?: number;
  /** Names of the faults, which are injected in turn; default: all of them, at random. */
  faults?: readonly FaultName[];
}

/** Injects faults until the time is over; returns their numbers by name. */
export async function injectFaults(
  street: Street,
  { every = 1_500, faults }: FaultPlan,
  random: Random,
  until: number,
): Promise<Record<string, number>> {
  const done: Record<string, number> = {};
  for (let n = 0; ; n++) {
    const left = until - Date.now();
    const pause = every === 0 ? left : every * (0.5 + random());
    await delay(Math.max(0, Math.min(pause, left)));
    if (Date.now() >= until) return done;
    const name = faults?.[n % faults.length] ?? pick(random, LIKELY);
    done[name] = (done[name] ?? 0) + 1;
    await FAULTS[name](street, random);
  }
}
