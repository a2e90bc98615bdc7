import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Waits for timers and children, parent places of steps, and the origin of forks.
 *
 * 1. `resumes` holds every wait of a play: a question, a timer or a child. A wait is answered at most once (I5).
 * 2. `settled` and `cost_usd` belong to waits for children: whether the child's end was delivered, and how much of its cost was added
 *    to the parent's.
 * 3. `parent_place` is the place of the nearest enclosing call that memory knows; memory below a finished call is never read again.
 * 4. `secrets` has the key that signs links; the first registry that needs it creates it, and all share it.
 */
export class Flows1763683200003 implements MigrationInterface {
  readonly name = 'Flows1763683200003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE steps
        ADD COLUMN parent_place text COLLATE "C" NOT NULL DEFAULT '',
        DROP CONSTRAINT steps_kind_check,
        ADD CONSTRAINT steps_kind_check CHECK (kind IN ('value', 'error', 'begun'));

      ALTER TABLE resumes
        ADD COLUMN kind text NOT NULL DEFAULT 'question' CHECK (kind IN ('question', 'timer', 'child')),
        ADD COLUMN parent_place text COLLATE "C" NOT NULL DEFAULT '',
        ADD COLUMN child_play_sid text COLLATE "C",
        ADD COLUMN settled boolean NOT NULL DEFAULT false,
        ADD COLUMN cost_usd double precision NOT NULL DEFAULT 0;
      CREATE INDEX resumes_child ON resumes (child_play_sid) WHERE child_play_sid IS NOT NULL;
      CREATE INDEX resumes_unsettled ON resumes (asked_no) WHERE kind = 'child' AND NOT settled;

      ALTER TABLE plays
        ADD COLUMN depth integer NOT NULL DEFAULT 0,
        ADD COLUMN failed_at json,
        ADD COLUMN forked_from json;

      CREATE TABLE secrets (
        name text PRIMARY KEY,
        value bytea NOT NULL
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE secrets;
      ALTER TABLE plays DROP COLUMN depth, DROP COLUMN failed_at, DROP COLUMN forked_from;
      DELETE FROM resumes WHERE kind <> 'question';
      ALTER TABLE resumes DROP COLUMN kind, DROP COLUMN parent_place, DROP COLUMN child_play_sid, DROP COLUMN settled,
        DROP COLUMN cost_usd;
      DELETE FROM steps WHERE kind = 'begun';
      ALTER TABLE steps DROP COLUMN parent_place, DROP CONSTRAINT steps_kind_check,
        ADD CONSTRAINT steps_kind_check CHECK (kind IN ('value', 'error'));
    `);
  }
}
