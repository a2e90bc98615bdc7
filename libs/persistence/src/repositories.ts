/** TypeORM's repositories for plain CRUD. Imported only where a service names entities: see data-source.ts. */
import type { Log } from '@hero/bus';
import { ENV, LOG } from '@hero/service-kit';
import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './data-source.js';
import { type MigrateOptions, migrate } from './migrate.js';
import type { DatabaseEnv, PersistenceSettings } from './persistence-module.js';

@Module({})
class Repositories {}

/** The repositories of these entities, over a migrated schema. */
export function repositoriesOf(settings: PersistenceSettings): DynamicModule {
  const { schema, migrationsDir, startWithinMs, entities = [] } = settings;
  // The factory of the data source is given its options only.
  let migration: MigrateOptions | undefined;
  return {
    module: Repositories,
    global: true,
    imports: [
      TypeOrmModule.forRootAsync({
        inject: [ENV, LOG],
        useFactory: ({ DATABASE_URL: url }: DatabaseEnv, log: Log) => {
          migration = { url, schema, migrationsDir, log, withinMs: startWithinMs };
          return { ...dataSourceOptions({ ...settings, entities, url }), retryAttempts: 0 };
        },
        dataSourceFactory: async (options) => {
          if (!options || !migration) throw new Error('TypeORM gave no options to its factory.');
          await migrate(migration);
          return new DataSource(options).initialize();
        },
      }),
      TypeOrmModule.forFeature(entities),
    ],
    exports: [TypeOrmModule],
  };
}
