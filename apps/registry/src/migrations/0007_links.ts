import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Signed links, and the pauses that they are for. */
export class Links1763683200007 implements MigrationInterface {
  readonly name = 'Links1763683200007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE links (
        play_sid text COLLATE "C" NOT NULL,
        -- The resume id that the link was made for.
        id text COLLATE "C" NOT NULL,
        -- The pause that it is for, and the call that made it ('': the entry flow).
        name text NOT NULL,
        parent_place text COLLATE "C" NOT NULL,
        made_no bigint GENERATED ALWAYS AS IDENTITY,
        -- The question that an answer to this link answers; null while none was asked.
        question text COLLATE "C",
        PRIMARY KEY (play_sid, id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE links');
  }
}
