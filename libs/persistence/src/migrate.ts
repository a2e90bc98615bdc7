/**
 * Runs migrations at start, in the instance that gets the lock first.
 *
 * 1. Only one instance migrates at a time: it holds an advisory lock of the schema on a connection of its own, so that the lock is
 *    released immediately if the instance dies.
 * 2. Each migration is one transaction, which also writes its row in the migrations table.
 * 3. If the database is not up yet, the start waits for a limited time and logs that it waits.
 * 4. Where nothing is to do, as at nearly every start, one look at the table says so: no lock is taken and TypeORM is not even loaded.
 */
import type { Log } from '@hero/bus';
import { messageOf } from '@hero/contracts';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { isUnavailable, sqlState } from './faults.js';
import { type MigrationClass, migrationsIn, nameOf } from './load-migrations.js';
import { MIGRATIONS_TABLE } from './settings.js';

export interface MigrateOptions {
  url: string;
  schema: string;
  /** Folder of the migrations: `import.meta.dirname + '/migrations'`. */
  migrationsDir: string;
  log?: Log;
  /** Limit for both waits together, for the database and for the lock. Default 60 s. */
  withinMs?: number;
}

const TRY_EVERY_MS = 50;
const SAY_EVERY_MS = 2_000;
const UNDEFINED_TABLE = '42P01';

/** Creates the schema if needed and runs the missing migrations. Returns the names of those that ran. */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const { url, schema, migrationsDir, log, withinMs = 60_000 } = options;
  const limit = performance.now() + withinMs;
  const migrations = await migrationsIn(migrationsDir);
  const client = await connectUntil(url, limit, log);
  try {
    if (await haveRun(migrations, client, schema)) return [];
    await lockUntil(client, schema, limit, log);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${client.escapeIdentifier(schema)}`);
    const { runMigrations } = await import('./data-source.js');
    const names = await runMigrations({ url, schema, migrations });
    if (names.length > 0) log?.info({ schema, migrations: names }, 'database migrated');
    return names;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Rule 4. A migration and its line in the table are one transaction, so that what is read here without the lock is true. */
async function haveRun(migrations: readonly MigrationClass[], client: pg.Client, schema: string): Promise<boolean> {
  const table = `${client.escapeIdentifier(schema)}.${MIGRATIONS_TABLE}`;
  try {
    const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${table}`);
    const ran = new Set(rows.map(({ name }) => name));
    return migrations.every((migration) => ran.has(nameOf(migration)));
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return false;
    throw error;
  }
}

async function connectUntil(url: string, limit: number, log: Log | undefined): Promise<pg.Client> {
  let say = 0;
  for (;;) {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      application_name: 'hero migrate',
    });
    // If the connection breaks later, the query that uses it fails.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (cause) {
      await client.end().catch(() => undefined);
      const now = performance.now();
      if (!isUnavailable(cause) || now >= limit) throw unreachable(cause);
      if (now >= say) log?.info({ why: messageOf(cause) }, 'waiting for PostgreSQL');
      if (now >= say) say = now + SAY_EVERY_MS;
      await pause(TRY_EVERY_MS);
    }
  }
}

async function lockUntil(client: pg.Client, schema: string, limit: number, log: Log | undefined): Promise<void> {
  let say = performance.now() + SAY_EVERY_MS;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>(
      `SELECT pg_try_advisory_lock(hashtextextended('hero migrate ' || $1, 0)) AS locked`,
      [schema],
    );
    if (rows[0]?.locked) return;
    const now = performance.now();
    if (now >= limit) {
      throw new Error(
        `Another process has been migrating schema ${schema} for too long; look for it in pg_stat_activity.`,
      );
    }
    if (now >= say) {
      log?.info({ schema }, 'waiting for another process to finish its migrations');
      say = now + SAY_EVERY_MS;
    }
    await pause(TRY_EVERY_MS);
  }
}

function unreachable(cause: unknown): Error {
  return new Error(`PostgreSQL cannot be reached (${messageOf(cause)}); start it or correct DATABASE_URL.`, { cause });
}
