import type { Logger } from 'typeorm';

/** TypeORM's own words are left out: it would print on the console what it also throws. */
export class Quiet implements Logger {
  logQuery(): void {}
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
