import { join, resolve } from 'node:path';
import { endProcess, isAlive } from '@hero/embedded';
import { readEnvironment, UsageError } from './environment.js';
import { liveSupervisor, markOf, readRunState, removeRunState, writeRunState } from './run-state.js';
import { Servers } from './servers.js';
import { type ChildSpec, Supervisor } from './supervisor.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const main = (app: string): string => join(ROOT, 'apps', app, 'dist', 'main.js');
const HOST = join(ROOT, 'libs', 'service-kit', 'dist', 'host.js');

/**
 * V8 lets a heap that is used much grow to the fourfold before it collects; here to the double (decision 19). Given when a process
 * starts, because compiled code is cached for the flags that it was compiled with.
 */
const NODE_ARGS = ['--heap-growing-percent=100'];

/** A process of services is stopped within 29 s by itself (its drain takes 25 s); then it is killed. */
const STOP_MS = 30_000;

/**
 * Services that share a process on one machine; `--each` gives every one its own, as in production (decision 20). Who asks another one
 * stands behind it: they stop from the end.
 */
const SERVICES = ['span-ingest', 'registry', 'library-search', 'admin-gateway'];

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

  const servers = new Servers(home, env, say, () => save());
  const state = async (): Promise<void> => {
    const supervisor = await markOf(process.pid);
    if (!supervisor || stopped) return;
    await writeRunState(home, { supervisor, children: processes.marks(), ...servers.state() });
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
    await servers.stop();
    await writing;
    await removeRunState(home);
  };
  // Side by side: while the servers come up, the services import their modules.
  const specs = children(each, env.HERO_EXECUTORS, { ...process.env, HERO_HOME: home }, servers);
  const ready = Promise.all(specs.map((spec) => processes.start(spec)));
  ready.catch(() => undefined); // judged below, after the servers
  try {
    await servers.up;
    save();
    await ready;
    save();
    return { natsUrl: servers.natsUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function children(each: boolean, executors: number, env: NodeJS.ProcessEnv, servers: Servers): ChildSpec[] {
  const groups = each ? SERVICES.map((app) => ({ name: app, apps: [app] })) : [{ name: 'services', apps: SERVICES }];
  const process = (name: string, apps: readonly string[]) => ({
    name,
    args: [...NODE_ARGS, HOST, '--env-by-ipc', ...apps.map(main)],
  });
  // Only an executor gives the key of the language model to anybody.
  const { AIBROKER_API_KEY: _key, ...withoutKey } = env;
  const services = groups.map(({ name, apps }) => ({
    ...process(name, apps),
    env: withoutKey,
    laterEnv: async () => {
      await servers.up;
      return { NATS_URL: servers.natsUrl, DATABASE_URL: servers.databaseUrl };
    },
    endsFirst: false,
  }));
  // An executor gets no database address: NATS_URL is all it needs.
  const { DATABASE_URL: _, ...withoutDatabase } = env;
  const runners = Array.from({ length: executors }, (_, i) => ({
    ...process(`executor-${i + 1}`, ['executor']),
    env: withoutDatabase,
    laterEnv: async () => {
      await servers.up;
      return { NATS_URL: servers.natsUrl };
    },
    endsFirst: true,
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
