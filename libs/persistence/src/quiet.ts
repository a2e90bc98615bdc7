import type { Logger } from 'typeorm';

/** A logger without output: TypeORM would print errors on the console that it also throws. */
export class Quiet implements Logger {
  logQuery(): void {}
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}
