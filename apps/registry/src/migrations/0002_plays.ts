import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Plays and everything that belongs to them.
 *
 * 1. Each step commit rewrites a row of `plays`. So the row is narrow (the input is in its own table, output and error are
 *    stored out of line above 512 bytes), its page has room for the next version of the row, and no column that a step
 *    commit changes is indexed: these updates are HOT and touch no index.
 * 2. Payloads are `json`, never `jsonb`: the text comes back as it was written (key order, 1.0). The type refuses text that is not
 *    JSON, which is a data error of its own row (I12).
 * 3. There are no foreign keys between a play and the rows that belong to it, because each would lock the play's row per step.
 *    Deletion names every table instead.
 * 4. A final status never changes, except by a retry (I7): a trigger refuses every other change. It fires after the update
 *    and only when the old status was final, so that ordinary updates cost nothing more.
 */
export class Plays1763683200002 implements MigrationInterface {
  readonly name = 'Plays1763683200002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(PLAYS);
    await runner.query(STEPS_AND_QUESTIONS);
    await runner.query(RUNTIME);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE plays, inputs, steps, resumes, prefills, kept, outbox, executors, idempotency;
      DROP FUNCTION refuse_final_change;
    `);
  }
}

const PLAYS = `
  CREATE TABLE plays (
    sid text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    workflow_sid text COLLATE "C" NOT NULL,
    version_sid text COLLATE "C" NOT NULL,
    version_number integer NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (status IN
      ('pending', 'running', 'awaiting_resume', 'success', 'failed', 'cancelled', 'timed_out')),
    output json,
    error json,
    prefill_only boolean NOT NULL,
    parent_play_sid text COLLATE "C",
    parent_span_id text,
    timeout_ms bigint,
    total_cost_usd double precision NOT NULL DEFAULT 0,
    diverged json,
    sandbox json,
    -- Which wake-up is the newest, which claim is the newest, and who holds it.
    run_seq integer NOT NULL DEFAULT 1,
    epoch integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    owner text COLLATE "C",
    claimed_at timestamptz,
    -- The newest group of this epoch; the process was told to go; something to wake it for has come since.
    group_no integer NOT NULL DEFAULT 0,
    suspended boolean NOT NULL DEFAULT false,
    wake boolean NOT NULL DEFAULT false,
    crashes integer NOT NULL DEFAULT 0,
    unstarted integer NOT NULL DEFAULT 0,
    -- The play's own time: what earlier attempts took, since when this one runs, when the limit is reached.
    ran_ms double precision NOT NULL DEFAULT 0,
    running_since timestamptz,
    deadline_at timestamptz,
    republish_at timestamptz DEFAULT now() + interval '5 seconds',
    republished integer NOT NULL DEFAULT 0,
    events_source text,
    events_batch integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz
  ) WITH (fillfactor = 70, toast_tuple_target = 512);

  CREATE INDEX plays_workflow ON plays (workflow_sid, sid);
  CREATE INDEX plays_parent ON plays (parent_play_sid) WHERE parent_play_sid IS NOT NULL;
  CREATE INDEX plays_active ON plays (status, sid) WHERE status IN ('pending', 'running', 'awaiting_resume');
  CREATE INDEX plays_owner ON plays (owner) WHERE status = 'running';
  CREATE INDEX plays_republish ON plays (republish_at) WHERE status = 'pending';
  CREATE INDEX plays_deadline ON plays (deadline_at) WHERE deadline_at IS NOT NULL;

  CREATE FUNCTION refuse_final_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'play % is %; it cannot become %', OLD.sid, OLD.status, NEW.status USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE TRIGGER final_stays_final AFTER UPDATE OF status ON plays FOR EACH ROW
    WHEN (OLD.status IN ('success', 'failed', 'cancelled', 'timed_out') AND NEW.status <> OLD.status
          AND NOT (OLD.status IN ('failed', 'timed_out') AND NEW.status = 'pending'))
    EXECUTE FUNCTION refuse_final_change();

  CREATE TABLE inputs (
    play_sid text COLLATE "C" PRIMARY KEY,
    input json NOT NULL
  );
  CREATE INDEX inputs_contain ON inputs USING gin ((input::jsonb) jsonb_path_ops);

  CREATE TABLE idempotency (
    key text COLLATE "C" PRIMARY KEY,
    play_sid text COLLATE "C" NOT NULL,
    params_sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX idempotency_play ON idempotency (play_sid);
`;

const STEPS_AND_QUESTIONS = `
  CREATE TABLE steps (
    play_sid text COLLATE "C" NOT NULL,
    step_key text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('value', 'error')),
    outcome json NOT NULL,
    span_id text NOT NULL,
    name text NOT NULL,
    function_sha256 text NOT NULL,
    epoch integer NOT NULL,
    group_no integer NOT NULL,
    ordinal integer NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (play_sid, step_key)
  );

  CREATE TABLE resumes (
    id text COLLATE "C" PRIMARY KEY,
    asked_no bigint GENERATED ALWAYS AS IDENTITY,
    play_sid text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    name text NOT NULL,
    schema json,
    ui json,
    span_id text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    -- When the timer looks at it; null once it is answered or nobody waits for it any more.
    due_at timestamptz,
    fallback json,
    -- 'answer', or 'error': it timed out without a default.
    outcome text CHECK (outcome IN ('answer', 'error')),
    payload json,
    resumed_at timestamptz,
    resumed_by text
  );
  CREATE INDEX resumes_play ON resumes (play_sid, asked_no);
  CREATE INDEX resumes_open ON resumes (asked_no) WHERE resumed_at IS NULL;
  CREATE INDEX resumes_due ON resumes (due_at) WHERE due_at IS NOT NULL;

  CREATE TABLE prefills (
    play_sid text COLLATE "C" NOT NULL,
    pattern text COLLATE "C" NOT NULL,
    pos integer NOT NULL,
    payload json NOT NULL,
    used_by text,
    PRIMARY KEY (play_sid, pattern, pos)
  );

  CREATE TABLE kept (
    play_sid text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    payload json NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (play_sid, name)
  );
`;

const RUNTIME = `
  -- What is still to be told, in the transaction of the change that it tells of.
  CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    play_sid text COLLATE "C" NOT NULL,
    workflow_sid text COLLATE "C" NOT NULL,
    attempt integer NOT NULL,
    status text NOT NULL,
    -- The status is new with this row: a status event.
    moved boolean NOT NULL,
    answered json,
    -- Set: a wake-up for the executors.
    run_seq integer,
    -- The play is gone: its spans are to be deleted.
    deleted boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now()
  );

  CREATE TABLE executors (
    instance text COLLATE "C" PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    slots integer NOT NULL,
    busy integer NOT NULL,
    draining boolean NOT NULL,
    renewed_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 50);
`;
