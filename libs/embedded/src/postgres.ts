/** The embedded PostgreSQL: its program, cluster, configuration and address. */
import { chown, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { type Account, privateFolder } from './account.js';
import { EmbeddedServerError } from './error.js';
import { homeHash } from './folders.js';
import { findPostgres } from './postgres-program.js';
import { run } from './run.js';
import { startServer, stopServer } from './server.js';
import type { EmbeddedServer, ServerHome, ServerKind, ServerOptions } from './server-kind.js';

const user = 'hero';
const database = 'hero';

/** The path of a unix socket has at most 107 bytes, and the url should need no quoting; if it does not fit, a short folder in /tmp is used. */
function socketFolder(state: string): string {
  const near = join(state, 'run');
  if (near.length <= 80 && /^[\w/.-]+$/.test(near)) return near;
  return `/tmp/hero-${process.getuid?.() ?? 0}-${homeHash(state)}`;
}

function urlOf(home: ServerHome, port: number, name: string): string {
  // Clients that read the query use the unix socket, clients that ignore it (TypeORM) use TCP; both reach the same server.
  const query = new URLSearchParams({ host: socketFolder(home.state.folder) });
  return `postgres://${user}:${home.state.postgresPassword}@127.0.0.1:${port}/${name}?${query}`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

function configuration(home: ServerHome, port: number, durable: boolean): string {
  const lines = [
    '# Written at every start by Hero Logic.',
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    `unix_socket_directories = ${quoted(socketFolder(home.state.folder))}`,
    'unix_socket_permissions = 0700',
    'password_encryption = scram-sha-256',
    'max_connections = 200',
    'shared_buffers = 128MB',
    `fsync = ${durable ? 'on' : 'off'}`,
    'synchronous_commit = on', // also without fsync, so that a commit survives a crash of the server, though not of the machine
    `full_page_writes = ${durable ? 'on' : 'off'}`,
    'max_wal_size = 2GB',
    'random_page_cost = 1.1',
    'jit = off',
    "timezone = 'UTC'",
    "log_timezone = 'UTC'",
    "lc_messages = 'C'",
    "log_line_prefix = '%m [%p] '",
    'log_checkpoints = off',
    'logging_collector = off',
  ];
  return `${lines.join('\n')}\n`;
}

async function ownedFile(path: string, content: string, account: Account): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) await chown(path, account.uid, account.gid);
}

async function initialise(bin: string, home: ServerHome, data: string, durable: boolean): Promise<void> {
  home.log('creating the database');
  const draft = `${data}.new`;
  const passwordFile = `${data}.password`;
  await rm(draft, { recursive: true, force: true });
  await ownedFile(passwordFile, home.state.postgresPassword, home.account);
  const args = ['-D', draft, '-U', user, '-E', 'UTF8', '--locale=C', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  if (!durable) args.push('--no-sync');
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const ran = await run(join(bin, 'initdb'), args, { as: home.account, cwd: dirname(data), env, within: 120_000 });
  await rm(passwordFile, { force: true });
  if (!ran.ok) {
    throw new EmbeddedServerError(
      `initdb failed: ${ran.why}`,
      /look up effective user/.test(ran.why)
        ? 'This user id has no entry in /etc/passwd, which PostgreSQL needs: add one, or set DATABASE_URL to a server of your own.'
        : `It ran ${join(bin, 'initdb')} as ${home.account.name} for ${data}: correct what it names, or set DATABASE_URL to a server of your own.`,
    );
  }
  // Only a finished cluster gets the name `data`; an interrupted initdb runs again.
  await rename(draft, data);
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined); // a lost connection shows in the query
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function postgresKind(durable: boolean): ServerKind {
  let bin = '';
  const dataOf = (state: string) => join(state, 'postgres', 'data');
  return {
    name: 'postgres',
    dataFolder: dataOf,
    // Backends of a killed postmaster exit when they notice it, which a busy one does not. A new postmaster refuses to start
    // until they have exited, because they use the shared memory.
    patience: 200,
    stopSignals: [
      ['SIGINT', 15_000],
      ['SIGQUIT', 3000],
    ],
    async prepare(home) {
      const data = dataOf(home.state.folder);
      await privateFolder(join(home.state.folder, 'postgres'), home.account);
      await privateFolder(socketFolder(home.state.folder), home.account);
      const written = await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => undefined);
      const existing = written === undefined ? undefined : Number(written.trim());
      const program = await findPostgres(home.account, home.state.folder, existing, home.log);
      bin = program.bin;
      if (existing === undefined) await initialise(bin, home, data, durable);
    },
    async command(home, port) {
      const data = dataOf(home.state.folder);
      // PostgreSQL mistakes any process with the pid in this file for itself, even a zombie (containers without an init).
      // Where there is a /proc, S1 and P2 have already made sure that no process works in the folder.
      if (process.platform === 'linux') {
        await rm(join(data, 'postmaster.pid'), { force: true });
        for (const end of ['', '.lock'])
          await rm(join(socketFolder(home.state.folder), `.s.PGSQL.${port}${end}`), { force: true });
      }
      await ownedFile(join(data, 'postgresql.conf'), configuration(home, port, durable), home.account);
      return { command: join(bin, 'postgres'), args: ['-D', data], env: { LC_ALL: 'C' } };
    },
    async answers(home, port) {
      const ask = async (client: pg.Client) => {
        const { rows } = await client.query<{ server_version: string }>('show server_version');
        return rows[0]?.server_version.split(' ')[0];
      };
      return await connected(urlOf(home, port, 'postgres'), ask).catch(() => undefined);
    },
    async finish(home, port) {
      await connected(urlOf(home, port, 'postgres'), async (client) => {
        const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
        if (rowCount === 0) await client.query(`create database ${database}`);
      });
    },
    async ended(state) {
      await rmdir(socketFolder(state)).catch(() => undefined); // it may be one in /tmp
    },
    url: (home, port) => urlOf(home, port, database),
  };
}

export interface PostgresOptions extends ServerOptions {
  /** false: no fsync, for tests (default true) */
  durable?: boolean;
}

/** Starts a real PostgreSQL; its url names the database `hero`. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedServer> {
  return await startServer(postgresKind(options.durable ?? true), options);
}

/** Ends the PostgreSQL of a home if one runs, also if another process started it. */
export async function stopPostgres(options: { home: string; state?: string }): Promise<boolean> {
  return await stopServer(postgresKind(true), options);
}
