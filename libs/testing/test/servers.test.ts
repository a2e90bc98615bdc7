import { expect, test } from '@jest/globals';
import pg from 'pg';
import { testDatabase, testNats, testPostgres, testServers } from '../src/index.js';

async function query(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

test('the shared servers are the same in the whole run', async () => {
  const servers = await testServers();
  expect(await testServers()).toBe(servers);
  expect(servers.natsUrl).toMatch(/^nats:\/\/hero:.+@127\.0\.0\.1:\d+$/);
  expect(await query(servers.databaseUrl(), 'select current_database()')).toEqual([{ current_database: 'hero' }]);
});

test('a database is migrated once and then cloned, and no clone sees another', async () => {
  let migrations = 0;
  const migrate = async (url: string) => {
    migrations += 1;
    await query(url, 'create table note (text text)');
  };
  await using one = await testDatabase(migrate);
  await using two = await testDatabase(migrate);
  await query(one.url, "insert into note values ('only here')");
  expect(await query(two.url, 'select * from note')).toEqual([]);
  expect(migrations).toBe(1);
});

test('a template with a name is migrated once, also when several ask at the same time', async () => {
  let migrations = 0;
  const migrate = () => async (url: string) => {
    migrations += 1;
    await query(url, 'create table note (text text)');
  };
  const databases = await Promise.all([1, 2, 3].map(async () => await testDatabase(migrate(), 'shared by name')));
  for (const database of databases) await database[Symbol.asyncDispose]();
  expect(migrations).toBe(1);
});

test('a database is dropped after use', async () => {
  let url = '';
  {
    await using database = await testDatabase();
    url = database.url;
  }
  await expect(query(url, 'select 1')).rejects.toThrow(/does not exist/);
});

test('a nats-server of its own comes back on the same url after a kill', async () => {
  await using nats = await testNats();
  const { url, pid } = nats;
  await nats.kill();
  await nats.restart();
  expect(nats.url).toBe(url);
  expect(nats.pid).not.toBe(pid);
});

test('a cluster of its own keeps its data over a kill', async () => {
  await using postgres = await testPostgres();
  await query(postgres.url, 'create table note (text text)');
  await postgres.kill();
  await postgres.restart();
  expect(await query(postgres.url, 'select * from note')).toEqual([]);
});
