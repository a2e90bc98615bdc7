import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type EntitySchema } from 'typeorm';
import { type DataSourceSettings, dataSourceOptions } from './data-source.js';
import { Database } from './database.js';
import type { Log } from './log.js';
import { migrate } from './migrate.js';

type EntityClass = new (...args: never[]) => object;

export interface PersistenceSettings extends Omit<DataSourceSettings, 'entities'> {
  entities?: (EntityClass | EntitySchema)[];
  log?: Log;
  /** How long a start waits for the database and for another starter's migrations. Default 60 s. */
  startWithinMs?: number;
}

/** Gives a service its migrated schema: `Database` for stores, TypeORM's DataSource and repositories for plain CRUD. */
@Module({})
export class PersistenceModule {
  static forService(settings: PersistenceSettings): DynamicModule {
    const { log, startWithinMs, entities = [], url, schema } = settings;
    const database = new Database(settings, log);
    return {
      module: PersistenceModule,
      global: true,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({ ...dataSourceOptions({ ...settings, entities }), retryAttempts: 0 }),
          dataSourceFactory: async (options) => {
            if (!options) throw new Error('TypeORM gave no options to its factory.');
            const dataSource = new DataSource(options);
            await migrate(dataSource, { url, schema, log, withinMs: startWithinMs });
            return dataSource;
          },
        }),
        TypeOrmModule.forFeature(entities),
      ],
      providers: [{ provide: Database, useValue: database }],
      exports: [Database, TypeOrmModule],
    };
  }
}
