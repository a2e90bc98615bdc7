import { execFileSync } from 'node:child_process';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TempFolder, tempFolder, until } from '@hero/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { processesIn, startPostgres, stopPostgres } from '../src/index.js';
import { ask, overTcp } from './ask.js';

let prepared: TempFolder;

beforeAll(async () => {
  prepared = await tempFolder();
  const server = await startPostgres({
    home: join(prepared.path, 'home'),
    state: join(prepared.path, 'state'),
    durable: false,
  });
  await server.stop();
  await rm(join(prepared.path, 'state', 'postgres.port'));
});

afterAll(async () => await prepared[Symbol.asyncDispose]());

/** A home whose database has been created already (a copy: that takes a tenth of the time), and whose server ends with the test. */
async function serverHome() {
  const folder = await tempFolder();
  for (const part of ['home', 'state']) execFileSync('cp', ['-a', join(prepared.path, part), folder.path]);
  return {
    options: { home: join(folder.path, 'home'), state: join(folder.path, 'state'), durable: false },
    async [Symbol.asyncDispose]() {
      await stopPostgres({ home: join(folder.path, 'home'), state: join(folder.path, 'state') });
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('a database of its own, over the unix socket and over TCP, UTF-8 and byte order', async () => {
  await using folder = await tempFolder();
  const options = { home: join(folder.path, 'home'), state: join(folder.path, 'state') };
  const logged: string[] = [];
  const server = await startPostgres({ ...options, log: (line) => logged.push(line) });
  expect(server).toMatchObject({ reused: false, version: expect.stringMatching(/^\d+\.\d+/) });
  const sql = `select current_database() as db, inet_server_addr() is null as socket, current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as commit, current_setting('server_encoding') as encoding,
    (select datcollate from pg_database where datname = current_database()) as collation`;
  const expected = { db: 'hero', socket: true, fsync: 'on', commit: 'on', encoding: 'UTF8', collation: 'C' };
  expect(await ask(server.url, sql)).toEqual([expected]);
  expect(await ask(overTcp(server.url), sql)).toEqual([{ ...expected, socket: false }]);
  await server.stop();
  expect(logged).toEqual([
    'creating the database',
    expect.stringMatching(/^postgres .* started \(pid \d+, port \d+\)$/),
  ]);
});

test('a connection without the password is refused, and the file with the password is private', async () => {
  await using here = await serverHome();
  const { url } = await startPostgres(here.options);
  const password = new URL(url).password;
  await expect(ask(url.replace(password, 'guess'), 'select 1')).rejects.toThrow(/password authentication failed/);
  await expect(ask(overTcp(url).replace(password, 'guess'), 'select 1')).rejects.toThrow(
    /password authentication failed/,
  );
  expect((await stat(join(here.options.home, 'embedded.json'))).mode & 0o777).toBe(0o600);
});

test('after a stop it starts again with its data on the same url, and a stop is not reported as a crash', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  let died = false;
  void first.died.then(() => (died = true));
  await ask(first.url, 'create table note (text text)');
  await first.stop();
  const second = await startPostgres(here.options);
  expect(second).toMatchObject({ url: first.url, reused: false });
  expect(await ask(second.url, 'select * from note')).toEqual([]);
  expect(died).toBe(false);
});

test('a second start reuses the running server, even when both start at the same time', async () => {
  await using here = await serverHome();
  const both = await Promise.all([startPostgres(here.options), startPostgres(here.options)]);
  expect(both.map((server) => server.reused).sort()).toEqual([false, true]);
  expect(both[0].url).toBe(both[1].url);
  expect(both[0].pid).toBe(both[1].pid);
});

test('a kill in the middle of work is reported, and the next start has the committed data immediately', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  await ask(first.url, 'create table note (text text)');
  // A busy backend does not notice that its postmaster died, and holds the shared memory.
  const busy = ask(first.url, "set statement_timeout = '60s'; select count(*) from generate_series(1, 1e9)").catch(
    () => [],
  );
  const isBusy = async () =>
    (
      await ask(
        first.url,
        "select from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()",
      )
    ).length > 0;
  await until(isBusy, { what: 'the long query' });
  process.kill(first.pid, 'SIGKILL');
  expect(await first.died).toEqual({ name: 'postgres', pid: first.pid, code: null, signal: 'SIGKILL' });
  const second = await startPostgres(here.options);
  expect(second).toMatchObject({ url: first.url, reused: false });
  expect(await ask(second.url, 'select * from note')).toEqual([]);
  await busy;
});

test('the crash of a reused server is reported too', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  const again = await startPostgres(here.options);
  expect(again.reused).toBe(true);
  process.kill(first.pid, 'SIGKILL');
  expect(await again.died).toEqual({ name: 'postgres', pid: first.pid, code: null, signal: null });
});

test('a pid file is ignored if its pid now belongs to another process', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  await first.stop();
  const recycled = { pid: process.pid, start: 'another boot:1', port: Number(new URL(first.url).port) };
  await writeFile(join(here.options.state, 'postgres.pid'), JSON.stringify(recycled));
  const second = await startPostgres(here.options);
  expect(second.reused).toBe(false);
  expect(second.pid).not.toBe(process.pid);
});

test('a server whose pid file was lost is ended before a new one starts', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  await writeFile(join(here.options.state, 'postgres.pid'), 'half a fi');
  const second = await startPostgres(here.options);
  expect(second.reused).toBe(false);
  expect(await processesIn(join(here.options.state, 'postgres'))).not.toContain(first.pid);
  expect(await ask(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('if its port was taken meanwhile it uses another one, unless the port was fixed', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  await first.stop();
  const port = Number(new URL(first.url).port);
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(port, '127.0.0.1', resolve));
  try {
    await expect(startPostgres({ ...here.options, port })).rejects.toThrow(
      `postgres cannot listen on 127.0.0.1:${port}: the port is taken.\nEnd the process that listens there`,
    );
    const second = await startPostgres(here.options);
    expect(new URL(second.url).port).not.toBe(String(port));
    expect(await ask(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    thief.close();
  }
});

test('HERO_HOME may be long and contain spaces, quotes and umlauts', async () => {
  await using folder = await tempFolder();
  const strange = join(folder.path, `it's "a" Höme, ${'deep '.repeat(10)}`, `${'long '.repeat(20)}end`);
  const options = { home: strange, state: join(strange, 'var'), durable: false };
  const server = await startPostgres(options);
  try {
    expect(await ask(server.url, 'select inet_server_addr() is null as socket')).toEqual([{ socket: true }]);
    expect(await ask(overTcp(server.url), 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    await server.stop();
  }
});

test('an emptied HERO_HOME starts with empty data; the earlier state folder is set aside', async () => {
  await using here = await serverHome();
  const first = await startPostgres(here.options);
  await ask(first.url, 'create table note (text text)');
  await rm(here.options.home, { recursive: true });
  const logged: string[] = [];
  const second = await startPostgres({ ...here.options, log: (line) => logged.push(line) });
  expect(logged[0]).toBe(`HERO_HOME is new: the servers' earlier data was moved to ${here.options.state}.old`);
  await expect(ask(second.url, 'select * from note')).rejects.toThrow(/does not exist/);
  expect(await readFile(join(`${here.options.state}.old`, 'postgres', 'data', 'PG_VERSION'), 'utf8')).toMatch(/^\d+/);
});

test('if it cannot start, the error quotes its log', async () => {
  await using here = await serverHome();
  await writeFile(join(here.options.state, 'postgres', 'data', 'postgresql.auto.conf'), 'no_such_setting = on');
  await expect(startPostgres(here.options)).rejects.toThrow(
    /^postgres did not start:\n[^]*unrecognized configuration parameter "no_such_setting"[^]*The whole log is .*postgres\.log/,
  );
});

test('data of another major version is not touched', async () => {
  await using here = await serverHome();
  await writeFile(join(here.options.state, 'postgres', 'data', 'PG_VERSION'), '9\n');
  await expect(startPostgres(here.options)).rejects.toThrow(
    /was written by PostgreSQL 9, which is not here\. Tried:[^]*Install PostgreSQL 9 .*or move that folder away/,
  );
});

test('a state folder that cannot be made is named with the remedy', async () => {
  await using folder = await tempFolder();
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  await chmod(file, 0o600);
  await expect(startPostgres({ home: join(file, 'home'), state: join(file, 'state') })).rejects.toThrow(
    /need the folder .*state.*\nGive it write access, choose another HERO_HOME, or set DATABASE_URL and NATS_URL/,
  );
});
