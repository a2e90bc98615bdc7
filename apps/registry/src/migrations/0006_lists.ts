import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What lists and sweeps need so that they never read what they do not show.
 *
 * 1. The outbox is read by what is due, in the order in which it became due, and by play.
 * 2. A payload's size in bytes stands beside it: a reply says how large a value is without reading it.
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
