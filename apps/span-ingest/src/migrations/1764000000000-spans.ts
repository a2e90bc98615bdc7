import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Everything is keyed by play and inserted in the order of its events. What SQL does not look into is JSON *text*: it
 * comes back as it was written, and PostgreSQL has nothing to refuse in it.
 */
export class Spans1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE plays (
        sid text COLLATE "C" PRIMARY KEY,
        seq integer NOT NULL DEFAULT 0,
        attempt integer NOT NULL DEFAULT 0,
        final text,
        final_at text,
        spans integer NOT NULL DEFAULT 0,
        beyond integer NOT NULL DEFAULT 0,
        beyond_seq integer NOT NULL DEFAULT 0,
        root_id text,
        deleted_at timestamptz
      )`);
    await runner.query(`
      CREATE TABLE batches (
        play_sid text COLLATE "C" NOT NULL,
        first_seq integer NOT NULL,
        last_seq integer NOT NULL,
        attempt integer NOT NULL,
        source text COLLATE "C" NOT NULL,
        batch integer NOT NULL,
        body text NOT NULL,
        PRIMARY KEY (play_sid, source, batch)
      )`);
    await runner.query('CREATE UNIQUE INDEX batches_in_order ON batches (play_sid, last_seq)');
    await runner.query(`
      CREATE TABLE spans (
        play_sid text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        parent_id text COLLATE "C",
        name text NOT NULL,
        kind text NOT NULL,
        status text NOT NULL,
        attempt integer NOT NULL,
        started_in integer NOT NULL,
        ended_in integer NOT NULL,
        closed boolean NOT NULL,
        open boolean NOT NULL,
        first_seq integer NOT NULL,
        seq integer NOT NULL,
        started_at text NOT NULL,
        ended_at text,
        duration_ms double precision,
        cost_usd double precision NOT NULL,
        log_lines integer NOT NULL,
        detail text NOT NULL,
        PRIMARY KEY (play_sid, id)
      )`);
    await runner.query('CREATE INDEX spans_open ON spans (play_sid) WHERE open');
    await runner.query(`
      CREATE TABLE logs (
        play_sid text COLLATE "C" NOT NULL,
        seq integer NOT NULL,
        span_id text COLLATE "C",
        attempt integer NOT NULL,
        at text NOT NULL,
        text text NOT NULL,
        stream text NOT NULL,
        nth integer,
        PRIMARY KEY (play_sid, seq)
      )`);
    await runner.query('CREATE INDEX logs_of_spans ON logs (play_sid, span_id, seq) WHERE nth <= 200');
    // pglz costs more than all the rest of an insert; servers built without lz4 keep it.
    for (const column of ['batches ALTER body', 'spans ALTER detail']) {
      await runner.query(`
        DO $$ BEGIN ALTER TABLE ${column} SET COMPRESSION lz4; EXCEPTION WHEN feature_not_supported THEN NULL; END $$`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE logs, spans, batches, plays');
  }
}
