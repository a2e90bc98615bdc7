/**
 * Migrations at start, by whichever instance comes first.
 *
 * 1. One at a time: a PostgreSQL advisory lock of the schema, held by a connection of its own, so that a starter that
 *    dies lets go of it at once.
 * 2. Each migration is one transaction: done with its line in the table, or not at all.
 * 3. A database that is not up yet is waited for, bounded, and said in the log.
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
  /** For the database to come up and for the lock together. Default 60 s. */
  withinMs?: number;
}

const TRY_EVERY_MS = 50;
const SAY_EVERY_MS = 2_000;
const UNDEFINED_TABLE = '42P01';

/** Makes the schema and brings it up to date. Returns the names of the migrations that ran. */
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
    // A connection that breaks later shows itself in the query that uses it.
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
      log?.info({ schema }, 'waiting for another process that migrates');
      say = now + SAY_EVERY_MS;
    }
    await pause(TRY_EVERY_MS);
  }
}

function unreachable(cause: unknown): Error {
  return new Error(`PostgreSQL cannot be reached (${messageOf(cause)}); start it or correct DATABASE_URL.`, { cause });
}
