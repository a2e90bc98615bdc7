/** TypeORM's way to the database. To be imported only where it is used: it takes a tenth of a second and 15 MB. */
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { MigrationClass } from './load-migrations.js';
import { SnakeNaming } from './naming.js';
import { Quiet } from './quiet.js';
import { connectionOptions, type DatabaseSettings, MIGRATIONS_TABLE } from './settings.js';

export interface DataSourceSettings extends DatabaseSettings {
  migrations?: MigrationClass[];
  // TypeORM types an entity as a class of any shape.
  entities?: DataSourceOptions['entities'];
}

/** Options of TypeORM, which serves migrations and plain CRUD. Hot paths are SQL in stores, run by Database. */
export function dataSourceOptions(settings: DataSourceSettings): DataSourceOptions {
  const { migrations = [], entities = [], schema } = settings;
  const { connectionString: url, application_name, connectionTimeoutMillis, options } = connectionOptions(settings);
  return {
    type: 'postgres',
    url,
    schema,
    entities,
    migrations,
    migrationsTableName: MIGRATIONS_TABLE,
    namingStrategy: new SnakeNaming(),
    synchronize: false,
    // TypeORM throws its errors, and the code that catches them logs them.
    logger: new Quiet(),
    installExtensions: false,
    poolSize: 4,
    extra: { application_name, connectionTimeoutMillis, options },
  };
}

/** Runs what has not run yet, each in a transaction of its own, and returns the names. */
export async function runMigrations(settings: DataSourceSettings): Promise<string[]> {
  const dataSource = new DataSource(dataSourceOptions(settings));
  await dataSource.initialize();
  try {
    const ran = await dataSource.runMigrations({ transaction: 'each' });
    return ran.map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}
