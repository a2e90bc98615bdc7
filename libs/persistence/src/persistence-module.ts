import type { Log } from '@hero/bus';
import { ENV, LOG } from '@hero/service-kit';
import { type DynamicModule, Module } from '@nestjs/common';
import type { EntitySchema } from 'typeorm';
import { Database } from './database.js';
import { migrate } from './migrate.js';
import type { DatabaseSettings } from './settings.js';

type EntityClass = new (...args: never[]) => object;

/** The environment variables that a service with a database declares. */
export interface DatabaseEnv {
  DATABASE_URL: string;
}

export interface PersistenceSettings extends Omit<DatabaseSettings, 'url'> {
  /** Folder of the migrations: `import.meta.dirname + '/migrations'`. */
  migrationsDir: string;
  entities?: (EntityClass | EntitySchema)[];
  /** How long a start waits for the database and for the migrations of another instance. Default 60 s. */
  startWithinMs?: number;
}

/** Gives a service its migrated schema (the address and the log are injected): `Database` for stores, and repositories of its entities, if it has any. */
@Module({})
export class PersistenceModule {
  static forService(settings: PersistenceSettings): DynamicModule {
    const { startWithinMs, entities = [], schema, migrationsDir } = settings;
    return {
      module: PersistenceModule,
      global: true,
      imports:
        entities.length === 0
          ? []
          : [import('./repositories.js').then(({ repositoriesOf }) => repositoriesOf(settings))],
      providers: [
        {
          provide: Database,
          inject: [ENV, LOG],
          useFactory: async ({ DATABASE_URL: url }: DatabaseEnv, log: Log) => {
            await migrate({ url, schema, migrationsDir, log, withinMs: startWithinMs });
            return new Database({ ...settings, url }, log);
          },
        },
      ],
      exports: [Database],
    };
  }
}
