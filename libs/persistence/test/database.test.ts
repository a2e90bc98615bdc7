import {
  Database,
  DatabaseUnavailable,
  isConflict,
  isDataError,
  isTooSlow,
  isTransient,
  isUnavailable,
  sqlState,
} from '@hero/persistence';
import { testDatabase, testPostgres } from '@hero/testing';

const failure = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'no failure',
    (reason: unknown) => reason,
  );

describe('a database', () => {
  it('works in the schema of its service, on every connection', async () => {
    await using database = await testDatabase();
    await using one = new Database({ url: database.url, schema: 'one', poolSize: 3 });
    await using two = new Database({ url: database.url, schema: 'two' });
    for (const db of [one, two]) {
      await db.run(`CREATE SCHEMA ${db.schema}`);
      await db.run('CREATE TABLE things (n int)');
    }
    const insert = (n: number) => one.query('insert thing', 'INSERT INTO things VALUES ($1) RETURNING n', [n]);
    expect(await Promise.all([1, 2, 3, 4, 5].map(insert))).toEqual([1, 2, 3, 4, 5].map((n) => [{ n }]));
    expect(await two.query('count things', 'SELECT count(*)::int AS n FROM things')).toEqual([{ n: 0 }]);
    expect(() => new Database({ url: database.url, schema: 'a; DROP' })).toThrow('is not a schema name');
  });

  it('prepares named statements once per connection', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public', poolSize: 1 });
    for (const n of [1, 2]) await db.query('same', 'SELECT $1::int AS n', [n]);
    expect(await db.run(`SELECT name FROM pg_prepared_statements`)).toEqual([{ name: 'same' }]);
  });

  it('commits a transaction that returns and rolls back one that throws', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public', poolSize: 1 });
    await db.run('CREATE TABLE things (n int PRIMARY KEY)');
    await db.tx((sql) => sql.query('insert', 'INSERT INTO things VALUES ($1)', [1]));
    const error = await failure(
      db.tx(async (sql) => {
        await sql.query('insert', 'INSERT INTO things VALUES ($1)', [2]);
        throw new Error('changed its mind');
      }),
    );
    expect(error).toEqual(new Error('changed its mind'));
    expect(await db.run('SELECT n FROM things')).toEqual([{ n: 1 }]);
  });

  it('runs a transaction again that PostgreSQL rolled back because of another one', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public' });
    await db.run('CREATE TABLE counter (n int)');
    await db.run('INSERT INTO counter VALUES (0)');
    let runs = 0;
    const add = () =>
      db.tx(async (sql) => {
        runs++;
        await sql.run('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
        const [row] = await sql.run<{ n: number }>('SELECT n FROM counter');
        await sql.run('UPDATE counter SET n = $1', [(row?.n ?? 0) + 1]);
      });
    await Promise.all([add(), add()]);
    expect(await db.run('SELECT n FROM counter')).toEqual([{ n: 2 }]);
    expect(runs).toBeGreaterThanOrEqual(2);
  });

  it('distinguishes faults of the data from temporary faults', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public', statementTimeoutMs: 100 });
    await db.run('CREATE TABLE things (word varchar(2) PRIMARY KEY)');
    await db.run(`INSERT INTO things VALUES ('a')`);
    const tooLong = await failure(db.run(`INSERT INTO things VALUES ('abc')`));
    const double = await failure(db.run(`INSERT INTO things VALUES ('a')`));
    const nul = await failure(db.run('INSERT INTO things VALUES ($1)', ['\0']));
    expect([tooLong, double, nul].map((error) => [sqlState(error), isDataError(error), isTransient(error)])).toEqual([
      ['22001', true, false],
      ['23505', true, false],
      ['22021', true, false],
    ]);
    const slow = await failure(db.run('SELECT pg_sleep(5)'));
    expect([sqlState(slow), isUnavailable(slow), isDataError(slow), isTooSlow(slow)]).toEqual([
      '57014',
      false,
      false,
      true,
    ]);
    const syntax = await failure(db.run('SELEKT'));
    expect([isTransient(syntax), isDataError(syntax)]).toEqual([false, false]);
    const [first, second] = await deadlock(database.url);
    expect([first, second].map(sqlState).sort()).toEqual(['40P01', undefined]);
    expect([first, second].filter(isConflict)).toHaveLength(1);
  });

  it('says that it is unavailable when there is no free connection in time', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public', poolSize: 1, connectWithinMs: 2_000 });
    await db.with(async () => {
      expect(await failure(db.run('SELECT 1'))).toBeInstanceOf(DatabaseUnavailable);
    });
    expect(await db.run('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

describe('when PostgreSQL restarts', () => {
  it('queries fail as DatabaseUnavailable while it is down and work afterwards', async () => {
    await using server = await testPostgres();
    await using db = new Database({ url: server.url, schema: 'public', poolSize: 4 });
    await Promise.all([1, 2, 3, 4].map(() => db.query('one', 'SELECT 1')));
    const running = failure(db.run('SELECT pg_sleep(20)'));
    const inTransaction = failure(
      db.tx(async (sql) => {
        await sql.run('SELECT 1');
        await server.kill();
        await sql.run('SELECT 1');
      }),
    );
    for (const lost of await Promise.all([running, inTransaction])) {
      expect(lost).toBeInstanceOf(DatabaseUnavailable);
      expect(isTransient(lost)).toBe(true);
    }
    const away = await failure(db.query('one', 'SELECT 1'));
    expect(away).toMatchObject({ name: 'DatabaseUnavailable', unavailable: true });
    await server.restart();
    for (let turn = 0; turn < 8; turn++) expect(await db.query('one', 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  it('connections that are ended from outside are replaced', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public', poolSize: 2 });
    await using other = new Database({ url: database.url, schema: 'other' });
    const sleeping = failure(db.run('SELECT pg_sleep(20)'));
    const end = `SELECT count(pg_terminate_backend(pid))::int AS n FROM pg_stat_activity WHERE application_name = 'hero public' AND query ~ 'sleep'`;
    let ended = 0;
    while (ended === 0) ended = (await other.run<{ n: number }>(end))[0]?.n ?? 0;
    const error = await sleeping;
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(sqlState(error)).toBe('57P01');
    expect(await db.run('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

/** Two transactions that lock the same two rows in opposite order; PostgreSQL ends one of them. */
async function deadlock(url: string): Promise<unknown[]> {
  await using db = new Database({ url, schema: 'public' });
  await db.run('CREATE TABLE pair (n int)');
  await db.run('INSERT INTO pair VALUES (1), (2)');
  let ready = 0;
  let go: (value?: unknown) => void = () => undefined;
  const both = new Promise((resolve) => {
    go = resolve;
  });
  const lock = (first: number, second: number) =>
    db.with(async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT FROM pair WHERE n = $1 FOR UPDATE', [first]);
      if (++ready === 2) go();
      await both;
      try {
        await client.query('SELECT FROM pair WHERE n = $1 FOR UPDATE', [second]);
      } finally {
        await client.query('ROLLBACK');
      }
    });
  return await Promise.all([failure(lock(1, 2)), failure(lock(2, 1))]);
}
