import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The order of memory (decision 13), waits that are recorded when they begin (decision 14), and the role of a remembered thing.
 *
 * 1. The group or the claim that takes an answer fixes its position in the order of memory: `taken_*`, null before.
 *    The position of a step is fixed by its commit. `role` is the only column that the path of a commit gains; it gains no index.
 * 2. `asked_epoch` is the newest epoch that asked; only that epoch takes the answer. `withdrawn`: its branch was cancelled.
 *    The index `resumes_untaken` has the waits that are open, or answered and not yet taken. A pause reads only those, however long
 *    the play is.
 * 3. `role` replaces the display name, from which the role was parsed before.
 * 4. `settled` is renamed to `delivered`. `idle_groups` counts the groups of an epoch that recorded nothing new: a play that only asks
 *    the same again and dies again makes no progress.
 * 5. `renewals` counts the lease renewals of an executor, so that no clocks are compared (leases.ts).
 */
export class Order1763683200004 implements MigrationInterface {
  readonly name = 'Order1763683200004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(COLUMNS);
    await runner.query(WHAT_IS_THERE);
    await runner.query(INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX resumes_untaken, resumes_open;
      CREATE INDEX resumes_open ON resumes (asked_no) WHERE resumed_at IS NULL;
      ALTER INDEX resumes_undelivered RENAME TO resumes_unsettled;
      ALTER TABLE resumes RENAME COLUMN delivered TO settled;
      ALTER TABLE steps DROP COLUMN role;
      ALTER TABLE resumes DROP COLUMN role, DROP COLUMN links, DROP COLUMN asked_epoch, DROP COLUMN taken_epoch,
        DROP COLUMN taken_group, DROP COLUMN taken_ordinal, DROP COLUMN withdrawn;
      ALTER TABLE plays DROP COLUMN idle_groups;
      ALTER TABLE executors DROP COLUMN renewals;
    `);
  }
}

const COLUMNS = `
  ALTER TABLE steps ADD COLUMN role text NOT NULL DEFAULT 'call';
  ALTER TABLE resumes RENAME COLUMN settled TO delivered;
  ALTER INDEX resumes_unsettled RENAME TO resumes_undelivered;
  ALTER TABLE resumes
    ADD COLUMN role text NOT NULL DEFAULT 'pause',
    -- Links that were made for this question before it was asked.
    ADD COLUMN links text[] NOT NULL DEFAULT '{}',
    ADD COLUMN asked_epoch integer NOT NULL DEFAULT 0,
    ADD COLUMN taken_epoch integer,
    ADD COLUMN taken_group integer,
    ADD COLUMN taken_ordinal integer,
    ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;
  ALTER TABLE plays ADD COLUMN idle_groups integer NOT NULL DEFAULT 0;
  ALTER TABLE executors ADD COLUMN renewals bigint NOT NULL DEFAULT 0;
`;

const WHAT_IS_THERE = `
  UPDATE steps SET role = CASE
      WHEN name LIKE 'resolve:%' THEN 'resolve'
      WHEN name LIKE 'call:%' OR name LIKE 'webhook:%' THEN 'request'
      WHEN name LIKE 'spawn:%' THEN 'invoke'
      WHEN name IN ('now', 'uuid', 'random') THEN 'value'
      WHEN name = 'sleep' THEN 'sleep'
      ELSE 'try' END
    WHERE (function_sha256 = '' AND (name ~ '^(resolve|call|webhook|spawn):' OR name IN ('now', 'uuid', 'random', 'sleep')))
       OR name ~ ' \\(try \\d+\\)$';
  UPDATE resumes SET role = CASE
      WHEN kind = 'child' THEN 'invoke'
      WHEN kind = 'timer' AND name = 'backoff' THEN 'backoff'
      WHEN kind = 'timer' THEN 'sleep'
      WHEN name LIKE 'decide:%' THEN 'decision'
      ELSE 'pause' END;
  UPDATE resumes r SET asked_epoch = p.epoch FROM plays p WHERE p.sid = r.play_sid;
  -- An answer was handed over by the claim before the first commit that followed it; where none did, the next claim does it.
  UPDATE resumes r SET taken_epoch = s.epoch, taken_group = 0, taken_ordinal = 0
    FROM (SELECT r2.id, (SELECT min(epoch) FROM steps s WHERE s.play_sid = r2.play_sid AND s.committed_at > r2.resumed_at) AS epoch
                  FROM resumes r2 WHERE r2.resumed_at IS NOT NULL) s
    WHERE s.id = r.id AND s.epoch IS NOT NULL;
  UPDATE resumes r SET withdrawn = true, due_at = NULL FROM plays p
    WHERE p.sid = r.play_sid AND r.resumed_at IS NULL AND r.kind <> 'child'
      AND p.status NOT IN ('pending', 'running', 'awaiting_resume');
`;

const INDEXES = `
  CREATE INDEX resumes_untaken ON resumes (play_sid) WHERE taken_epoch IS NULL AND NOT withdrawn;
  DROP INDEX resumes_open;
  CREATE INDEX resumes_open ON resumes (asked_no) WHERE resumed_at IS NULL AND NOT withdrawn AND kind = 'question';
`;
