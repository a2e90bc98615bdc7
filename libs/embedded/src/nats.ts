/** The embedded nats-server: its program, configuration and address. */
import { chmod, chown, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { privateFolder } from './account.js';
import { EmbeddedServerError } from './error.js';
import { cacheFolder } from './folders.js';
import { type NatsSource, natsSources, natsVersion } from './nats-sources.js';
import { run } from './run.js';
import { startServer, stopServer } from './server.js';
import type { EmbeddedServer, ServerHome, ServerKind, ServerOptions } from './server-kind.js';

const user = 'hero';

export interface NatsOptions extends ServerOptions {
  /** where downloads are kept, instead of `cacheFolder(home)` */
  cache?: string;
  /** tried in this order (default: all sources) */
  sources?: readonly NatsSource[];
}

/** Finds a nats-server that runs on this machine, or installs it into the cache; returns its path. */
export async function findNats(
  cache: string,
  log: (line: string) => void,
  sources: readonly NatsSource[] = natsSources,
): Promise<string> {
  const tried: string[] = [];
  for (const source of sources) {
    try {
      return await source.find(cache, log);
    } catch (error) {
      tried.push(`\n  - ${source.name}: ${(error as Error).message}`);
    }
  }
  throw new EmbeddedServerError(
    `nats-server is missing, and every way to get it failed:${tried.join('')}`,
    'Install it (Debian: apt-get install nats-server; macOS: brew install nats-server; or https://github.com/nats-io/nats-server/releases) ' +
      'so that it is on PATH, or set NATS_URL to a server of your own.',
  );
}

/** Copies the program beside the data if the server's account cannot run it where it is (for example in root's home). */
async function runnable(program: string, home: ServerHome): Promise<string> {
  const { account, state } = home;
  if ((await run(program, ['--version'], { as: account })).ok) return program;
  const version = (await natsVersion(program)) ?? 'unknown';
  const copy = join(state.folder, 'programs', `nats-server-${version}`);
  if ((await run(copy, ['--version'], { as: account })).ok) return copy;
  await mkdir(join(state.folder, 'programs'), { recursive: true, mode: 0o755 });
  const draft = `${copy}.${process.pid}`;
  await copyFile(program, draft);
  await chmod(draft, 0o755);
  await rename(draft, copy);
  return copy;
}

const quoted = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Uses only settings of nats-server 2.9, because older servers silently ignore newer ones. */
function configuration(home: ServerHome, port: number, store: string): string {
  return `# Written at every start by Hero Logic.
server_name: hero
listen: "127.0.0.1:${port}"
max_payload: 1048576
authorization { user: ${user}, password: ${quoted(home.state.natsPassword)} }
jetstream { store_dir: ${quoted(store)} }
`;
}

/** Speaks just enough of the protocol to check that our login is accepted, JetStream is on and a PING is answered. */
async function answer(port: number, password: string): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (version?: string) => {
      socket.destroy();
      resolve(version);
    };
    let said = '';
    let info: { version?: string; jetstream?: boolean } | undefined;
    socket.setTimeout(2000, () => end());
    socket.once('error', () => end());
    socket.once('close', () => end());
    socket.on('data', (data) => {
      said += data.toString('utf8');
      if (!info && said.includes('\r\n')) {
        info = JSON.parse(said.slice('INFO '.length, said.indexOf('\r\n'))) as {
          version?: string;
          jetstream?: boolean;
        };
        socket.write(
          `CONNECT ${JSON.stringify({ user, pass: password, verbose: false, pedantic: false })}\r\nPING\r\n`,
        );
      }
      if (said.includes('-ERR')) end();
      else if (said.includes('PONG')) end(info?.jetstream ? info.version : undefined);
    });
  });
}

function natsKind(options: NatsOptions): ServerKind {
  let program = '';
  const dataOf = (state: string) => join(state, 'nats');
  return {
    name: 'nats',
    dataFolder: dataOf,
    patience: 0,
    stopSignals: [['SIGTERM', 10_000]],
    async prepare(home) {
      program = await runnable(
        await findNats(options.cache ?? cacheFolder(options.home), home.log, options.sources),
        home,
      );
      await privateFolder(dataOf(home.state.folder), home.account);
      await privateFolder(join(dataOf(home.state.folder), 'store'), home.account);
    },
    async command(home, port) {
      const file = join(dataOf(home.state.folder), 'nats.conf');
      await writeFile(file, configuration(home, port, join(dataOf(home.state.folder), 'store')), { mode: 0o600 });
      const { uid, gid } = home.account;
      if (uid !== undefined && gid !== undefined) await chown(file, uid, gid);
      return { command: program, args: ['-c', file] };
    },
    answers: async (home, port) => await answer(port, home.state.natsPassword),
    url: (home, port) => `nats://${user}:${home.state.natsPassword}@127.0.0.1:${port}`,
  };
}

/** A real nats-server of our own with JetStream; its url carries the login. */
export async function startNats(options: NatsOptions): Promise<EmbeddedServer> {
  return await startServer(natsKind(options), options);
}

/** Ends the nats-server of a home if one runs, also if another process started it. */
export async function stopNats(options: { home: string; state?: string }): Promise<boolean> {
  return await stopServer(natsKind(options), options);
}
