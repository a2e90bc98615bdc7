import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The text of a log line is stored once, in its batch. `logs` keeps which lines are shown with a span; `log_lines` says which batches
 * have any.
 */
export class OneCopy1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('SET LOCAL statement_timeout = 0');
    await runner.query('ALTER TABLE batches ADD COLUMN log_lines integer NOT NULL DEFAULT 0');
    await runner.query(`
      UPDATE batches b SET log_lines = counted.log_lines
      FROM (SELECT play_sid, last_seq, count(*) AS log_lines
            FROM batches JOIN logs USING (play_sid)
            WHERE logs.seq BETWEEN first_seq AND last_seq GROUP BY play_sid, last_seq) AS counted
      WHERE b.play_sid = counted.play_sid AND b.last_seq = counted.last_seq`);
    await runner.query('ALTER TABLE batches ALTER COLUMN log_lines DROP DEFAULT');
    await runner.query('DELETE FROM logs WHERE span_id IS NULL OR nth IS NULL OR nth > 200');
    await runner.query(`
      ALTER TABLE logs DROP CONSTRAINT logs_pkey, DROP COLUMN at, DROP COLUMN text, DROP COLUMN stream, DROP COLUMN nth,
        ADD PRIMARY KEY (play_sid, span_id, seq)`);
  }

  async down(): Promise<void> {
    throw new Error('The lines that this migration removed from the table logs are in the batches: restore a backup.');
  }
}
