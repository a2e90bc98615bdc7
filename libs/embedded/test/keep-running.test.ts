import { homedir } from 'node:os';
import { join } from 'node:path';
import { tempFolder, until } from '@hero/testing';
import { expect, test } from '@jest/globals';
import {
  type EmbeddedServer,
  keepRunning,
  processStart,
  type ServerDeath,
  startNats,
  startPostgres,
} from '../src/index.js';
import { ask } from './ask.js';

const cache = process.env.HERO_CACHE ?? join(homedir(), '.cache', 'hero-logic');

test('nats-server is restarted on the same url each time it is killed', async () => {
  await using folder = await tempFolder();
  const options = { home: join(folder.path, 'home'), state: join(folder.path, 'state'), cache };
  const restarts: { server: EmbeddedServer; death: ServerDeath }[] = [];
  const logged: string[] = [];
  await using kept = await keepRunning(async () => await startNats(options), {
    onRestart: (server, death) => restarts.push({ server, death }),
    log: (line) => logged.push(line),
  });
  const { url } = kept;
  for (const round of [1, 2, 3]) {
    const { pid } = kept.current;
    process.kill(pid, 'SIGKILL');
    await until(async () => restarts.length === round, { what: `restart ${round}` });
    expect(restarts.at(-1)).toMatchObject({ server: { url, reused: false }, death: { pid, signal: 'SIGKILL' } });
    expect(logged.at(-1)).toBe(`nats (pid ${pid}) died: SIGKILL`);
  }
});

test('PostgreSQL is restarted with its committed data', async () => {
  await using folder = await tempFolder();
  const options = { home: join(folder.path, 'home'), state: join(folder.path, 'state'), durable: false };
  let restarted = false;
  await using kept = await keepRunning(async () => await startPostgres(options), {
    onRestart: () => (restarted = true),
  });
  await ask(kept.url, 'create table note (text text)');
  process.kill(kept.current.pid, 'SIGKILL');
  await until(async () => restarted, { what: 'the restart' });
  expect(await ask(kept.url, 'select * from note')).toEqual([]);
});

test('a restart that fails is logged and tried again', async () => {
  await using folder = await tempFolder();
  const options = { home: join(folder.path, 'home'), state: join(folder.path, 'state'), cache };
  const logged: string[] = [];
  let starts = 0;
  await using kept = await keepRunning(
    async () => {
      starts += 1;
      if (starts === 2) throw new Error('the disk is full');
      return await startNats(options);
    },
    { log: (line) => logged.push(line) },
  );
  const { pid } = kept.current;
  process.kill(pid, 'SIGKILL');
  await until(async () => kept.current.pid !== pid, { what: 'the second try' });
  expect(logged).toContain('nats could not be restarted, next try in 100 ms: the disk is full');
});

test('after stop the server stays down; after release it keeps running and is not restarted', async () => {
  await using folder = await tempFolder();
  const options = { home: join(folder.path, 'home'), state: join(folder.path, 'state'), cache };
  const first = await keepRunning(async () => await startNats(options));
  await first.stop();
  expect(await processStart(first.current.pid)).toBeUndefined();
  const second = await keepRunning(async () => await startNats(options));
  second.release();
  expect(await processStart(second.current.pid)).toBeDefined();
  await second.current.stop();
});
