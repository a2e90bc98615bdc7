import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeroClient, unixTransport } from '@hero/openrpc';
import { type TempFolder, tempFolder } from '@hero/testing';
import { checkEffects, type EffectsReport, effectsSource } from './effects.js';
import { checkHistories, checkInvariants } from './invariants.js';
import { seeded } from './random.js';
import { Street, type StreetService } from './street.js';

/** How often each service is killed while the plays run. */
export interface FaultPlan {
  plays: number;
  steps: number;
  /** Average duration of a step, ms. */
  paceMs: number;
  executors: number;
  slots: number;
  /** Every play is suspended and replayed after each commit. */
  alwaysReplay?: boolean;
  seed: number;
  executorKills: number;
  natsKills: number;
  jetStreamWipes: number;
  postgresKills: number;
  serviceKills: Partial<Record<StreetService, number>>;
  /** Mean time between two faults, ms. */
  every: number;
  /** Time within which all plays must end, ms. */
  within: number;
  say?: (line: string) => void;
}

export interface FaultReport extends EffectsReport {
  faults: Record<string, number>;
  seconds: number;
  attempts: number;
}

/**
 * Starts many plays of a flow with effects and kills the services around them, in an order that the seed determines; then
 * checks the invariants on effects and tables. A killed service is restarted immediately, as a supervisor would do.
 */
export async function playFaults(plan: FaultPlan): Promise<FaultReport> {
  const say = plan.say ?? (() => undefined);
  const random = seeded(plan.seed);
  const began = Date.now();
  await using mounted = await mountedFolder();
  const folder = mounted.path;
  await using street = await Street.start({
    executors: plan.executors,
    slots: plan.slots,
    ownPostgres: true,
    env: { HERO_MOUNTS: `${folder}:rw`, ...(plan.alwaysReplay && { HERO_ALWAYS_REPLAY: '1' }) },
  });
  const hero = new HeroClient(unixTransport(street.rpcSocket));
  const workflow = await hero.workflow_create({
    name: 'effects',
    python_source: effectsSource(plan.steps, plan.paceMs),
  });

  const labels = new Map<string, string>();
  const starting = (async () => {
    for (let i = 0; i < plan.plays; i++) {
      const label = `play-${i}`;
      labels.set(label, await patiently(() => startOne(hero, workflow.sid, folder, label)));
    }
  })();

  const faults: Record<string, number> = {};
  const todo = shuffled(faultsOf(street, plan), random);
  for (const fault of todo) {
    await delay(plan.every * (0.5 + random()));
    faults[fault.name] = (faults[fault.name] ?? 0) + 1;
    say(`${((Date.now() - began) / 1000).toFixed(1)} s  ${fault.name}`);
    await fault.run(random);
  }
  await starting;
  say(`faults done after ${((Date.now() - began) / 1000).toFixed(1)} s, waiting for the plays`);
  const end = Date.now() + plan.within;
  for (const sid of labels.values()) {
    await hero.play_wait({ play_sid: sid, timeout_ms: Math.max(1, end - Date.now()) });
  }
  const effects = await checkEffects(street.databaseUrl, folder, labels, plan.steps);
  const attempts = await street.sql<{ n: number }>('SELECT sum(attempt)::int AS n FROM registry.plays');
  effects.violations.push(
    ...(await checkInvariants(street.databaseUrl)),
    ...(await checkHistories(hero, labels.values())),
  );
  return { ...effects, faults, seconds: (Date.now() - began) / 1000, attempts: attempts[0]?.n ?? 0 };
}

/**
 * A folder that plays may write to. Any user may append, because plays run as another user. Dispose of it after the street, because a
 * play that did not end writes until its executor is killed.
 */
export async function mountedFolder(): Promise<TempFolder> {
  const folder = await tempFolder();
  await chmod(folder.path, 0o777);
  return folder;
}

/** Repeats a start with the same key, so that a lost reply does not lead to a second play. */
const startOne = async (hero: HeroClient, workflow_sid: string, folder: string, label: string): Promise<string> =>
  (await hero.play_start({ workflow_sid, input_data: { folder, label }, idempotency_key: label })).sid;

export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (tries > 200 || !(error instanceof Error && 'retry' in error && error.retry)) throw error;
      await delay(100);
    }
  }
}

interface Fault {
  name: string;
  run(random: () => number): Promise<unknown>;
}

function faultsOf(street: Street, plan: FaultPlan): Fault[] {
  const times = (count: number, fault: Fault): Fault[] => Array.from({ length: count }, () => fault);
  const killExecutor: Fault = {
    name: 'executor killed',
    run: async (random) => {
      const live = street.liveExecutors();
      await live[Math.floor(random() * live.length)]?.kill();
      await street.startExecutor();
    },
  };
  const restartNats: Fault = {
    name: 'nats killed',
    run: async () => {
      await street.nats.kill();
      await street.nats.restart();
    },
  };
  const wipe: Fault = {
    name: 'JetStream folder deleted',
    run: async () => {
      await street.nats.kill();
      await removeJetStream(street.nats.folder);
      await street.nats.restart();
    },
  };
  const killPostgres: Fault = {
    name: 'postgres killed',
    run: async () => {
      await street.postgres?.kill();
      await street.postgres?.restart();
    },
  };
  const services = Object.entries(plan.serviceKills).flatMap(([name, count]) =>
    times(count, {
      name: `${name} killed`,
      run: async () => {
        await street.processes.get(name)?.kill();
        await street.startService(name as StreetService);
      },
    }),
  );
  return [
    ...times(plan.executorKills, killExecutor),
    ...times(plan.natsKills, restartNats),
    ...times(plan.jetStreamWipes, wipe),
    ...times(plan.postgresKills, killPostgres),
    ...services,
  ];
}

export async function removeJetStream(folder: string): Promise<void> {
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (e) => e.isDirectory() && e.name === 'jetstream',
  );
  if (found.length === 0) throw new Error(`no JetStream folder below ${folder}`);
  for (const entry of found) {
    await rm(join(entry.parentPath, entry.name), { recursive: true });
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}
