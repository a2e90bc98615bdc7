import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedServer, processStart, startNats, startPostgres } from '@hero/embedded';
import { runFolder } from './run-folder.js';
import { until } from './until.js';

/** Downloads are shared by all test runs of this account. */
const cache = () => process.env.HERO_CACHE ?? join(homedir(), '.cache', 'hero-logic');

export interface SharedServers {
  readonly natsUrl: string;
  /** url of a database in the shared cluster (default `hero`) */
  databaseUrl(name?: string): string;
}

let shared: Promise<SharedServers> | undefined;

/** One PostgreSQL and one nats-server for the whole test run; the first call starts them. */
export async function testServers(): Promise<SharedServers> {
  shared ??= (async () => {
    const home = join(await runFolder(), 'shared');
    const folders = { home, state: join(home, 'state') };
    const [postgres, nats] = await Promise.all([
      startPostgres({ ...folders, durable: false }),
      startNats({ ...folders, cache: cache() }),
    ]);
    const databaseUrl = (name = 'hero') => {
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      return url.href;
    };
    return { natsUrl: nats.url, databaseUrl };
  })();
  return await shared;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
  /** HERO_HOME of the server; `state` in it is the state folder */
  readonly folder: string;
  /** ends it with SIGKILL and returns when its process has ended; `restart` starts it again */
  kill(): Promise<void>;
  /** ends it gracefully */
  stop(): Promise<void>;
  /** starts it (stopping it first if needed) with the same data on the same url */
  restart(): Promise<void>;
}

async function ownServer(
  start: (folders: { home: string; state: string }) => Promise<EmbeddedServer>,
): Promise<TestServer> {
  const home = await mkdtemp(join(await runFolder(), 's'));
  await chmod(home, 0o711); // root's servers run as another user
  const folders = { home, state: join(home, 'state') };
  let server = await start(folders);
  return {
    get url() {
      return server.url;
    },
    get pid() {
      return server.pid;
    },
    version: server.version,
    folder: home,
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      const gone = async () => (await processStart(server.pid)) === undefined;
      await until(gone, { within: 5000, what: `the end of process ${server.pid}` });
    },
    stop: async () => await server.stop(),
    async restart() {
      await server.stop();
      server = await start(folders);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A nats-server with JetStream for one test, which may fill, kill and restart it. */
export async function testNats(options: { port?: number } = {}): Promise<TestServer> {
  return await ownServer(async (folders) => await startNats({ ...folders, ...options, cache: cache() }));
}

/** A PostgreSQL cluster for one test, which may kill and restart it. `durable: true` for tests about durability. */
export async function testPostgres(options: { port?: number; durable?: boolean } = {}): Promise<TestServer> {
  return await ownServer(async (folders) => await startPostgres({ durable: false, ...folders, ...options }));
}
