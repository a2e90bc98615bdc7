import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Indexes and columns by which lists and sweeps read only the rows that they use.
 *
 * 1. The outbox is read in the order in which rows become due, and by play.
 * 2. The size of a payload in bytes is stored beside it, so that a reply can name the size without reading the payload.
 */
export class Lists1763683200006 implements MigrationInterface {
  readonly name = 'Lists1763683200006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX outbox_due ON outbox (due_at, id);
      CREATE INDEX outbox_play ON outbox (play_sid, id);

      ALTER TABLE inputs ADD COLUMN input_bytes integer GENERATED ALWAYS AS (octet_length(input::text)) STORED;
      ALTER TABLE plays ADD COLUMN output_bytes integer GENERATED ALWAYS AS (octet_length(output::text)) STORED;
      ALTER TABLE steps ADD COLUMN outcome_bytes integer GENERATED ALWAYS AS (octet_length(outcome::text)) STORED;
      ALTER TABLE resumes ADD COLUMN payload_bytes integer GENERATED ALWAYS AS (octet_length(payload::text)) STORED;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX outbox_due, outbox_play;
      ALTER TABLE inputs DROP COLUMN input_bytes;
      ALTER TABLE plays DROP COLUMN output_bytes;
      ALTER TABLE steps DROP COLUMN outcome_bytes;
      ALTER TABLE resumes DROP COLUMN payload_bytes;
    `);
  }
}
