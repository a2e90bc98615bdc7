/** Where a service’s database is, and how its connections are set up. */
export interface DatabaseSettings {
  /** `postgresql://user:password@host:5432/database`. */
  url: string;
  /** The one schema of this service; no service reads another's. */
  schema: string;
  /** Connections of the hot paths' pool. Default 8. */
  poolSize?: number;
  /** PostgreSQL ends a statement that takes longer. Default 30 s. */
  statementTimeoutMs?: number;
  /** How long a query waits for a free or a new connection. Default 5 s. */
  connectWithinMs?: number;
}

/** In each service's schema: the names of the migrations that have run there. */
export const MIGRATIONS_TABLE = 'migrations';

const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

/** Start-up options: they set search_path and limits on every connection of the pool without an extra query. */
export function connectionOptions(settings: DatabaseSettings) {
  const { url, schema, statementTimeoutMs = 30_000, connectWithinMs = 5_000 } = settings;
  if (!SCHEMA.test(schema))
    throw new Error(`"${schema}" is not a schema name: write lower-case letters, digits and _.`);
  return {
    connectionString: url,
    application_name: `hero ${schema}`,
    connectionTimeoutMillis: connectWithinMs,
    keepAlive: true,
    options: `-c search_path=${schema} -c statement_timeout=${statementTimeoutMs} -c timezone=UTC`,
  };
}
