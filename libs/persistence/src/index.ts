export type { Row, Sql } from './database.js';
export { Database } from './database.js';
export {
  DatabaseUnavailable,
  isConflict,
  isDataError,
  isTooSlow,
  isTransient,
  isUnavailable,
  sqlState,
} from './faults.js';
export type { MigrateOptions } from './migrate.js';
export { migrate } from './migrate.js';
export type { NamedStatement } from './named.js';
export { named } from './named.js';
export type { PersistenceSettings } from './persistence-module.js';
export { PersistenceModule } from './persistence-module.js';
export type { DatabaseSettings } from './settings.js';
