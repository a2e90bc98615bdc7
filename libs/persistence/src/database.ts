/**
 * Access to PostgreSQL for the hot paths: named prepared statements over a pool that survives restarts of the server.
 *
 * 1. A lost connection is never used again; the next query opens a new one.
 * 2. This class repeats only a whole transaction that PostgreSQL rolled back because of another one (40001, 40P01). It never repeats
 *    a statement whose reply was lost: the statement may have taken effect, and only its author knows whether a repeat is safe.
 */
import type { Log } from '@hero/bus';
import pg from 'pg';
import { asFault, isConflict, isUnavailable } from './faults.js';
import { connectionOptions, type DatabaseSettings } from './settings.js';

export type Row = Record<string, unknown>;

/** Runs SQL: the database itself, or one transaction. Stores accept both. */
export interface Sql {
  /** `name` makes it a prepared statement of the connection: the same name must always carry the same text. */
  query<R extends object = Row>(name: string, text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Runs SQL without preparing it, for text that changes from call to call. */
  run<R extends object = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

const CONFLICT_TRIES = 4;

export class Database implements Sql {
  readonly schema: string;
  readonly pool: pg.Pool;

  constructor(settings: DatabaseSettings, log?: Log) {
    this.schema = settings.schema;
    this.pool = new pg.Pool({
      ...connectionOptions(settings),
      max: settings.poolSize ?? 8,
      idleTimeoutMillis: 60_000,
    });
    // A connection may break in the same read that established it, before its user has an error handler; that must not end the process.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    // An idle connection that breaks affects no query; the pool has already dropped it.
    this.pool.on('error', (err) => log?.warn({ err, schema: this.schema }, 'idle connection to PostgreSQL lost'));
  }

  async query<R extends object = Row>(name: string, text: string, values?: readonly unknown[]): Promise<R[]> {
    return this.with((client) => statement<R>(client, { name, text, values }));
  }

  async run<R extends object = Row>(text: string, values?: readonly unknown[]): Promise<R[]> {
    return this.with((client) => statement<R>(client, { text, values }));
  }

  /** Runs `work` in one transaction: commits when it returns, rolls back when it throws. May run it again (rule 2). */
  async tx<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.with((client) => transaction(client, work));
      } catch (error) {
        if (!isConflict(error) || attempt >= CONFLICT_TRIES) throw error;
      }
    }
  }

  /** Runs several statements on one connection, which then returns to the pool, or is dropped if it broke. */
  async with<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.pool.connect();
    } catch (error) {
      throw asFault(error);
    }
    let broken = false;
    const onError = (): void => {
      broken = true;
    };
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      broken ||= isUnavailable(error);
      throw asFault(error);
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    if (!this.pool.ending) await this.pool.end();
  }

  /** For Nest. */
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Statement {
  name?: string;
  text: string;
  values?: readonly unknown[];
}

async function statement<R extends object>(client: pg.PoolClient, { name, text, values }: Statement): Promise<R[]> {
  const result = await client.query<R & pg.QueryResultRow>({ name, text, values: values ? [...values] : undefined });
  return result.rows;
}

async function transaction<T>(client: pg.PoolClient, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql: Sql = {
    query: (name, text, values) => statement(client, { name, text, values }),
    run: (text, values) => statement(client, { text, values }),
  };
  await client.query('BEGIN');
  try {
    const result = await work(sql);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // If the connection is lost, the server rolls back.
    if (!isUnavailable(error)) await client.query('ROLLBACK');
    throw error;
  }
}
