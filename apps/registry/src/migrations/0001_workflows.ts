import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Workflows and their versions.
 *
 * 1. `revision` is taken from one counter row, which the transaction keeps locked until it commits. So the order of revisions is
 *    the order of commits, and a reader that has seen revision n has seen every change up to n. (Numbers of a sequence can be
 *    committed in another order; a follower would miss the late one.)
 * 2. A deleted workflow leaves its sid and revision behind, so that a follower learns of it.
 * 3. Versions are immutable (I9): a trigger refuses every update.
 * 4. Field lists are `json`, not `jsonb`: keys come back in the order in which they were declared.
 */
export class Workflows1763683200001 implements MigrationInterface {
  readonly name = 'Workflows1763683200001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE workflow_counter (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        revision bigint NOT NULL
      );
      INSERT INTO workflow_counter (revision) VALUES (0);

      CREATE TABLE workflows (
        sid text COLLATE "C" PRIMARY KEY,
        name text NOT NULL UNIQUE,
        description text NOT NULL,
        tags text[] NOT NULL,
        current_version_sid text COLLATE "C" NOT NULL,
        revision bigint NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX workflows_tags ON workflows USING gin (tags);

      CREATE TABLE versions (
        sid text COLLATE "C" PRIMARY KEY,
        workflow_sid text COLLATE "C" NOT NULL REFERENCES workflows (sid),
        number integer NOT NULL,
        python_source text NOT NULL,
        entry text NOT NULL,
        inputs json NOT NULL,
        outputs json NOT NULL,
        requirements text[] NOT NULL,
        options json NOT NULL,
        flows json NOT NULL,
        source_sha256 text NOT NULL,
        notes text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (workflow_sid, number),
        UNIQUE (workflow_sid, sid)
      );
      -- The current version is one of the workflow's own; deferred, because each row needs the other.
      ALTER TABLE workflows ADD FOREIGN KEY (sid, current_version_sid)
        REFERENCES versions (workflow_sid, sid) DEFERRABLE INITIALLY DEFERRED;

      CREATE TABLE workflow_tombstones (
        revision bigint PRIMARY KEY,
        workflow_sid text NOT NULL
      );

      CREATE FUNCTION refuse_version_update() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'version % is immutable; save a new version instead', OLD.sid USING ERRCODE = 'restrict_violation';
      END $$;
      CREATE TRIGGER versions_are_immutable BEFORE UPDATE ON versions
        FOR EACH ROW EXECUTE FUNCTION refuse_version_update();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE workflows, versions, workflow_tombstones, workflow_counter CASCADE;
      DROP FUNCTION refuse_version_update;
    `);
  }
}
