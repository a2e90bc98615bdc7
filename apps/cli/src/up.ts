import { join, resolve } from 'node:path';
import {
  type EmbeddedServer,
  endProcess,
  isAlive,
  type KeptServer,
  keepRunning,
  startNats,
  startPostgres,
} from '@hero/embedded';
import { readEnvironment, UsageError } from './environment.js';
import { liveSupervisor, markOf, readRunState, removeRunState, writeRunState } from './run-state.js';
import { type ChildSpec, Supervisor } from './supervisor.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const main = (app: string): string => join(ROOT, 'apps', app, 'dist', 'main.js');
const HOST = join(ROOT, 'libs', 'service-kit', 'dist', 'host.js');

/** A service is stopped within 29 s by itself (its drain takes 25 s); then it is killed. */
const STOP_MS = 30_000;

/** Services that share a process on one machine; `--each` gives every one its own, as in production. */
const TOGETHER: Record<string, readonly string[]> = {
  services: ['registry', 'library-search', 'admin-gateway'],
  'span-ingest': ['span-ingest'],
};

export interface UpOptions {
  home: string;
  each: boolean;
  say: (line: string) => void;
}

export interface Running {
  readonly natsUrl: string;
  stop(): Promise<void>;
}

/** Starts everything that is not given by NATS_URL and DATABASE_URL, and keeps it running until `stop`. */
export async function startAll({ home, each, say }: UpOptions): Promise<Running> {
  const env = readEnvironment(process.env);
  const other = await liveSupervisor(home);
  if (other)
    throw new UsageError(
      `Hero Logic already runs for ${home} (pid ${other.supervisor.pid}). End it with: npx hero_logic down`,
    );
  await endLeftOvers(home, say);

  const servers: { nats?: KeptServer; postgres?: KeptServer } = {};
  const state = async (): Promise<void> => {
    const supervisor = await markOf(process.pid);
    if (!supervisor || stopped) return;
    await writeRunState(home, {
      supervisor,
      children: processes.marks(),
      nats: {
        url: natsUrl,
        embedded: servers.nats !== undefined,
        ...(servers.nats && { pid: servers.nats.current.pid }),
      },
      postgres: {
        embedded: servers.postgres !== undefined,
        ...(servers.postgres && { pid: servers.postgres.current.pid }),
      },
    });
  };
  let stopped = false;
  let writing: Promise<void> = Promise.resolve();
  const save = (): void => {
    writing = writing.then(state).catch((error: Error) => say(`the run state could not be written: ${error.message}`));
  };
  const processes = new Supervisor(join(home, 'var', 'log'), say, save);
  const stop = async (): Promise<void> => {
    stopped = true;
    await processes.stop(STOP_MS);
    await Promise.all([servers.nats?.stop(), servers.postgres?.stop()]);
    await writing;
    await removeRunState(home);
  };
  const kept = (start: () => Promise<EmbeddedServer>): Promise<KeptServer> =>
    keepRunning(start, { onRestart: save, log: say });

  let natsUrl = env.NATS_URL ?? '';
  try {
    const [nats, postgres] = await Promise.allSettled([
      env.NATS_URL ? undefined : kept(() => startNats({ home, log: say })),
      env.DATABASE_URL ? undefined : kept(() => startPostgres({ home, log: say })),
    ]);
    if (nats.status === 'fulfilled') servers.nats = nats.value;
    if (postgres.status === 'fulfilled') servers.postgres = postgres.value;
    for (const started of [nats, postgres]) if (started.status === 'rejected') throw started.reason;
    natsUrl = env.NATS_URL ?? servers.nats?.url ?? '';
    const databaseUrl = env.DATABASE_URL ?? servers.postgres?.url ?? '';
    save();
    await Promise.all(
      children(each, env.HERO_EXECUTORS, { ...process.env, HERO_HOME: home }, natsUrl, databaseUrl).map((spec) =>
        processes.start(spec),
      ),
    );
    save();
    return { natsUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function children(
  each: boolean,
  executors: number,
  env: NodeJS.ProcessEnv,
  natsUrl: string,
  databaseUrl: string,
): ChildSpec[] {
  const groups = each
    ? Object.fromEntries(
        Object.values(TOGETHER)
          .flat()
          .map((app) => [app, [app]]),
      )
    : TOGETHER;
  const services = Object.entries(groups).map(([name, apps]) => ({
    name,
    args: [HOST, ...apps.map(main)],
    env: { ...env, NATS_URL: natsUrl, DATABASE_URL: databaseUrl },
  }));
  // An executor gets no database address: NATS_URL is all it needs.
  const { DATABASE_URL: _, ...withoutDatabase } = env;
  const runners = Array.from({ length: executors }, (_, i) => ({
    name: `executor-${i + 1}`,
    args: [main('executor')],
    env: { ...withoutDatabase, NATS_URL: natsUrl },
  }));
  return [...services, ...runners];
}

/** After a kill -9 of an earlier `up`: what it left is ended by pid and start time. Embedded servers are reused as they are. */
export async function endLeftOvers(home: string, say: (line: string) => void): Promise<void> {
  const left = await readRunState(home);
  if (!left) return;
  await Promise.all(
    Object.entries(left.children).map(async ([name, mark]) => {
      if (!(await isAlive(mark))) return;
      await endProcess(mark, [['SIGTERM', 1_000]]);
      say(`an earlier run had left ${name} running; it is gone now`);
    }),
  );
  await removeRunState(home);
}
