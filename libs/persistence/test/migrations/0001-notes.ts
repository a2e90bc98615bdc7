import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Notes1700000000001 implements MigrationInterface {
  readonly name = 'Notes1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    // Slow enough that a second instance would interfere if there were no lock.
    await runner.query('SELECT pg_sleep(0.2)');
    await runner.query(
      `CREATE TABLE notes (sid text PRIMARY KEY, short_text varchar(5) NOT NULL, written_at timestamptz NOT NULL DEFAULT now())`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE notes');
  }
}
