import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the requirements of versions were resolved to.
 *
 * 1. A lock is of one version and one target (kind of interpreter and platform), and never changes once it is recorded.
 * 2. Versions with equal locks have the same `lock_id`: the name of the environment that they share on each machine.
 * 3. `error` says why the last installation failed; the version itself stays immutable.
 */
export class Packages1763683200009 implements MigrationInterface {
  readonly name = 'Packages1763683200009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE version_packages (
        version_sid text COLLATE "C" NOT NULL REFERENCES versions (sid) ON DELETE CASCADE,
        target text COLLATE "C" NOT NULL,
        lock_id text COLLATE "C",
        packages json,
        resolved text[],
        resolved_at timestamptz,
        error text,
        PRIMARY KEY (version_sid, target),
        CHECK ((lock_id IS NULL) = (packages IS NULL) AND (lock_id IS NULL) = (resolved_at IS NULL))
      );
      CREATE INDEX version_packages_recent ON version_packages (target, resolved_at) WHERE lock_id IS NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE version_packages');
  }
}
