import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Broken1700000000001 implements MigrationInterface {
  readonly name = 'Broken1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE half (n int)');
    await runner.query('CREATE TABLE half (n int)');
  }

  async down(): Promise<void> {}
}
