import { readdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { tempFolder } from '@hero/testing';
import { expect, test } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, stopNats } from '../src/index.js';

const cache = process.env.HERO_CACHE ?? join(homedir(), '.cache', 'hero-logic');

async function serverHome() {
  const folder = await tempFolder();
  const options = { home: join(folder.path, 'home'), state: join(folder.path, 'state'), cache };
  return {
    options,
    async [Symbol.asyncDispose]() {
      await stopNats(options);
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function connected(url: string, pass = new URL(url).password): Promise<NatsConnection & AsyncDisposable> {
  const { host, username } = new URL(url);
  const connection = await connect({ servers: host, user: username, pass, reconnect: false });
  return Object.assign(connection, { [Symbol.asyncDispose]: async () => await connection.close() });
}

test('JetStream is on and keeps its messages over a stop and over a kill', async () => {
  await using here = await serverHome();
  const first = await startNats(here.options);
  {
    await using nats = await connected(first.url);
    await (await jetstreamManager(nats)).streams.add({ name: 'NOTES', subjects: ['notes'] });
    await jetstream(nats).publish('notes', 'one');
  }
  await first.stop();
  const second = await startNats(here.options);
  {
    await using nats = await connected(second.url);
    await jetstream(nats).publish('notes', 'two');
  }
  process.kill(second.pid, 'SIGKILL');
  expect(await second.died).toMatchObject({ name: 'nats', pid: second.pid, signal: 'SIGKILL' });
  const third = await startNats(here.options);
  expect(third.url).toBe(first.url);
  await using nats = await connected(third.url);
  const { state } = await (await jetstreamManager(nats)).streams.info('NOTES');
  expect(state.messages).toBe(2);
});

test('messages have at most 1 MiB, and the reported version is the one that runs', async () => {
  await using here = await serverHome();
  const server = await startNats(here.options);
  await using nats = await connected(server.url);
  expect(nats.info?.max_payload).toBe(1024 * 1024);
  expect(nats.info?.version).toBe(server.version);
  expect(nats.info?.host).toBe('127.0.0.1');
});

test('a connection without the password is refused', async () => {
  await using here = await serverHome();
  const { url } = await startNats(here.options);
  await expect(connected(url, 'guess')).rejects.toThrow(/authorization violation/i);
  await expect(connect({ servers: new URL(url).host, reconnect: false })).rejects.toThrow(/authorization violation/i);
});

test('a second start reuses the running server', async () => {
  await using here = await serverHome();
  const first = await startNats(here.options);
  const logged: string[] = [];
  const second = await startNats({ ...here.options, log: (line) => logged.push(line) });
  expect(second).toMatchObject({ url: first.url, pid: first.pid, reused: true, version: first.version });
  expect(logged).toEqual([`nats ${first.version} is still running (pid ${first.pid})`]);
});

test('HERO_HOME may be long and contain spaces, quotes, backslashes and umlauts', async () => {
  await using folder = await tempFolder();
  const strange = join(folder.path, `it's "a" Hö\\me ${'deep '.repeat(10)}`, `${'long '.repeat(20)}end`);
  const server = await startNats({ home: strange, state: join(strange, 'var'), cache });
  try {
    await using nats = await connected(server.url);
    await (await jetstreamManager(nats)).streams.add({ name: 'NOTES', subjects: ['notes'] });
    expect(await readdir(join(strange, 'var', 'nats', 'store'))).toContain('jetstream');
  } finally {
    await server.stop();
  }
});

test('if it cannot start, the error quotes its log', async () => {
  await using here = await serverHome();
  const first = await startNats(here.options);
  await first.stop();
  const store = join(here.options.state, 'nats', 'store', 'jetstream');
  await rm(store, { recursive: true, force: true });
  await writeFile(store, 'a file where a folder should be');
  await expect(startNats(here.options)).rejects.toThrow(
    /^nats did not start:\n[^]*storage directory is not a directory[^]*The whole log is .*nats\.log.*set NATS_URL/,
  );
});
