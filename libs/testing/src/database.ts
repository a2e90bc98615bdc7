/** Databases of their own for tests. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { connected } from './connected.js';
import { testServers } from './servers.js';

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
}

type Migrate = (url: string) => Promise<void>;

const unnamed = new WeakMap<Migrate, string>();
const word = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');

async function administered<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  await using held = await connected((await testServers()).databaseUrl('postgres'));
  return await work(held.db);
}

/** PostgreSQL copies only a template without connections, and those of a finished migration may take a moment to close. */
async function cloned(client: pg.Client, name: string, template: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await client.query(`create database "${name}" template "${template}"`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || tries === 50) throw error;
      await delay(20);
    }
  }
}

/** Makes the template once per test run; an advisory lock decides which worker does it. */
async function template(client: pg.Client, migrate: Migrate, templateName: string | undefined): Promise<string> {
  const name =
    templateName === undefined
      ? (unnamed.get(migrate) ?? `template_${randomBytes(6).toString('hex')}`)
      : `template_${word(templateName)}`;
  unnamed.set(migrate, name);
  await client.query('select pg_advisory_lock(hashtext($1))', [name]);
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) {
      const draft = `${name}_draft`;
      await client.query(`drop database if exists "${draft}" with (force)`);
      await client.query(`create database "${draft}"`);
      await migrate((await testServers()).databaseUrl(draft));
      await client.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
        [draft],
      );
      await renamed(client, draft, name);
    }
  } finally {
    await client.query('select pg_advisory_unlock(hashtext($1))', [name]);
  }
  return name;
}

async function renamed(client: pg.Client, from: string, to: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await client.query(`alter database "${from}" rename to "${to}"`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || tries === 50) throw error;
      await delay(20);
    }
  }
}

/**
 * A fresh database in the shared cluster, cloned from a template. The template is migrated once per function, or once per test run
 * if it has a name.
 */
export async function testDatabase(migrate?: Migrate, templateName?: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administered(async (client) => {
    await cloned(client, name, migrate ? await template(client, migrate, templateName) : 'template1');
  });
  return {
    url: (await testServers()).databaseUrl(name),
    async [Symbol.asyncDispose]() {
      await administered(async (client) => await client.query(`drop database if exists "${name}" with (force)`));
    },
  };
}
