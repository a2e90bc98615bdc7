import { join } from 'node:path';
import { DataSource, type DataSourceOptions, type MixedList } from 'typeorm';
import { SnakeNaming } from './naming.js';
import { Quiet } from './quiet.js';
import { connectionOptions, type DatabaseSettings } from './settings.js';

export interface DataSourceSettings extends DatabaseSettings {
  /** Folder of the migrations: `import.meta.dirname + '/migrations'`. */
  migrationsDir?: string;
  // TypeORM's own word for an entity is a class of any shape.
  entities?: DataSourceOptions['entities'];
}

/** Options of TypeORM: migrations and plain CRUD. Hot paths are SQL in stores, over Database. */
export function dataSourceOptions(settings: DataSourceSettings): DataSourceOptions {
  const { migrationsDir, entities = [], schema } = settings;
  const { connectionString: url, application_name, connectionTimeoutMillis, options } = connectionOptions(settings);
  const migrations: MixedList<string> = migrationsDir ? [join(migrationsDir, '*.{js,ts}')] : [];
  return {
    type: 'postgres',
    url,
    schema,
    entities,
    migrations,
    migrationsTableName: 'migrations',
    namingStrategy: new SnakeNaming(),
    synchronize: false,
    // What fails is thrown, and then logged by whoever catches it.
    logger: new Quiet(),
    installExtensions: false,
    poolSize: 4,
    extra: { application_name, connectionTimeoutMillis, options },
  };
}

export function createDataSource(settings: DataSourceSettings): DataSource {
  return new DataSource(dataSourceOptions(settings));
}
