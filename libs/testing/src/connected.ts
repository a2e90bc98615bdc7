/** A connection of a test to PostgreSQL, past the services. */
import pg from 'pg';

export interface Connected extends AsyncDisposable {
  readonly db: pg.Client;
}

/** To be bound with `await using`. A connection that breaks between two queries fails the next query, and nothing else. */
export async function connected(connectionString: string): Promise<Connected> {
  const db = new pg.Client({ connectionString });
  db.on('error', () => undefined);
  await db.connect();
  return { db, [Symbol.asyncDispose]: () => db.end() };
}
