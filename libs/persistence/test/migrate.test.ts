import { join } from 'node:path';
import { type Log, silent } from '@hero/bus';
import { Database, migrate, PersistenceModule } from '@hero/persistence';
import { ENV, LOG } from '@hero/service-kit';
import { testDatabase, testPostgres } from '@hero/testing';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getRepositoryToken } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { Note } from './note.js';

const migrationsDir = join(import.meta.dirname, 'migrations');

function kept(): Log & { lines: string[] } {
  const lines: string[] = [];
  const keep = (_: object, message: string): void => void lines.push(message);
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}

/** One starter. */
const start = (url: string, folder = migrationsDir, options: { log?: Log; withinMs?: number } = {}) =>
  migrate({ url, schema: 'notes', migrationsDir: folder, ...options });

describe('migrations', () => {
  it('run once when several instances start at the same time', async () => {
    await using database = await testDatabase();
    const ran = await Promise.all([start(database.url), start(database.url), start(database.url)]);
    expect(ran.filter((names) => names.length > 0)).toEqual([['Notes1700000000001']]);
    expect(await start(database.url)).toEqual([]);
    await using db = new Database({ url: database.url, schema: 'notes' });
    expect(await db.run('SELECT name FROM migrations')).toEqual([{ name: 'Notes1700000000001' }]);
    expect(await db.run('SELECT sid FROM notes')).toEqual([]);
  });

  it('that fail leave nothing behind and log the failure', async () => {
    await using database = await testDatabase();
    await expect(start(database.url, join(import.meta.dirname, 'broken-migrations'))).rejects.toThrow(/half/);
    await using db = new Database({ url: database.url, schema: 'notes' });
    expect(await db.run(`SELECT tablename FROM pg_tables WHERE schemaname = 'notes' AND tablename = 'half'`)).toEqual(
      [],
    );
    expect(await start(database.url)).toEqual(['Notes1700000000001']);
  });

  it('wait for a database that is not up yet, and log that they wait', async () => {
    await using server = await testPostgres();
    const { url } = server;
    await server.kill();
    const log = kept();
    const started = start(url, migrationsDir, { log });
    await server.restart();
    expect(await started).toEqual(['Notes1700000000001']);
    expect(log.lines).toEqual(['waiting for PostgreSQL', 'database migrated']);
  });

  it('fail with the remedy when the database does not come up in time', async () => {
    await expect(start('postgresql://nobody@127.0.0.1:1/none', migrationsDir, { withinMs: 300 })).rejects.toThrow(
      /cannot be reached .*DATABASE_URL/,
    );
  });

  it('fail when another process keeps the lock', async () => {
    await using database = await testDatabase();
    await using db = new Database({ url: database.url, schema: 'public' });
    await db.with(async (client) => {
      await client.query(`SELECT pg_advisory_lock(hashtextextended('hero migrate notes', 0))`);
      await expect(start(database.url, migrationsDir, { withinMs: 300 })).rejects.toThrow(/schema notes for too long/);
      await client.query('SELECT pg_advisory_unlock_all()');
    });
    expect(await start(database.url)).toEqual(['Notes1700000000001']);
  });

  it('take no lock where nothing is to do', async () => {
    await using database = await testDatabase();
    await start(database.url);
    await using db = new Database({ url: database.url, schema: 'public' });
    await db.with(async (client) => {
      await client.query(`SELECT pg_advisory_lock(hashtextextended('hero migrate notes', 0))`);
      expect(await start(database.url, migrationsDir, { withinMs: 300 })).toEqual([]);
      await client.query('SELECT pg_advisory_unlock_all()');
    });
  });
});

it('a service gets its migrated database, and repositories in snake_case', async () => {
  await using database = await testDatabase();
  const persistence = PersistenceModule.forService({
    schema: 'notes',
    migrationsDir,
    entities: [Note],
  });
  @Global()
  @Module({
    providers: [
      { provide: ENV, useValue: { DATABASE_URL: database.url } },
      { provide: LOG, useValue: silent },
    ],
    exports: [ENV, LOG],
  })
  class Given {}
  @Module({ imports: [Given, persistence] })
  class Service {}
  const app = await NestFactory.createApplicationContext(Service, { logger: false, abortOnError: false });
  const notes = app.get<Repository<Note>>(getRepositoryToken(Note), { strict: false });
  await notes.insert({ sid: 'a', shortText: 'hi' });
  const db = app.get(Database);
  expect(await db.query('notes', 'SELECT sid, short_text FROM notes')).toEqual([{ sid: 'a', short_text: 'hi' }]);
  await app.close();
  await expect(db.run('SELECT 1')).rejects.toThrow();
});
