import type { Log } from '@hero/bus';
import { ENV, LOG } from '@hero/service-kit';
import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type EntitySchema } from 'typeorm';
import { type DataSourceSettings, dataSourceOptions } from './data-source.js';
import { Database } from './database.js';
import { type MigrateOptions, migrate } from './migrate.js';

type EntityClass = new (...args: never[]) => object;

/** What a service with a database declares in its environment. */
interface DatabaseEnv {
  DATABASE_URL: string;
}

export interface PersistenceSettings extends Omit<DataSourceSettings, 'entities' | 'url'> {
  entities?: (EntityClass | EntitySchema)[];
  /** How long a start waits for the database and for another starter's migrations. Default 60 s. */
  startWithinMs?: number;
}

/** Gives a service its migrated schema (the database and the log are injected): `Database` for stores, TypeORM's DataSource and repositories for plain CRUD. */
@Module({})
export class PersistenceModule {
  static forService(settings: PersistenceSettings): DynamicModule {
    const { startWithinMs, entities = [], schema } = settings;
    // The factory of the data source is given its options only.
    let migration: MigrateOptions | undefined;
    return {
      module: PersistenceModule,
      global: true,
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [ENV, LOG],
          useFactory: ({ DATABASE_URL: url }: DatabaseEnv, log: Log) => {
            migration = { url, schema, log, withinMs: startWithinMs };
            return { ...dataSourceOptions({ ...settings, entities, url }), retryAttempts: 0 };
          },
          dataSourceFactory: async (options) => {
            if (!options || !migration) throw new Error('TypeORM gave no options to its factory.');
            const dataSource = new DataSource(options);
            await migrate(dataSource, migration);
            return dataSource;
          },
        }),
        TypeOrmModule.forFeature(entities),
      ],
      providers: [
        {
          provide: Database,
          inject: [ENV, LOG],
          useFactory: ({ DATABASE_URL: url }: DatabaseEnv, log: Log) => new Database({ ...settings, url }, log),
        },
      ],
      exports: [Database, TypeOrmModule],
    };
  }
}
