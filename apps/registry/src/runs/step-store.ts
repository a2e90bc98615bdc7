/**
 * Step outcomes, written in groups of many plays.
 *
 * 1. One statement is one transaction: one round trip, one commit for all that arrived.
 * 2. The fence (I2): the plays' rows are locked, in the order of their sids, before anything is judged. `INSERT … WHERE
 *    EXISTS` without the lock would let a stale epoch in. What somebody else holds is skipped, so that it delays nobody.
 * 3. A group is applied once: the one after `group_no` is, `group_no` itself was (its reply got lost), anything else and a
 *    suspended play is fenced.
 * 4. A step that has an outcome keeps it (I3); one that has only begun takes its outcome.
 * 5. One step of one play, the most frequent group, has a statement of its own, which applies the group under the same fence or
 *    does nothing. Where it does nothing, the statement for many groups says why.
 */
import type { StepGroup, StepOutcome } from '@hero/contracts';
import { Database, named } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { textArray } from '../sql/words.js';

export interface OwnedGroup extends StepGroup {
  owner: string;
}

export type Verdict = 'done' | 'fenced' | 'skipped';

@Injectable()
export class StepStore {
  constructor(private readonly database: Database) {}

  /** At most one group of each play. Verdicts in the order of the groups. */
  async commit(groups: OwnedGroup[]): Promise<Verdict[]> {
    const [group, ...others] = groups;
    const [step, ...more] = group?.steps ?? [];
    const alone = group && step && others.length === 0 && more.length === 0;
    return alone && (await this.applyOne(group, step)) ? ['done'] : this.commitMany(groups);
  }

  /** Rule 5. */
  private async applyOne(group: OwnedGroup, step: StepOutcome): Promise<boolean> {
    const { play_sid, epoch, owner, group: group_no, cost_usd, diverged } = group;
    const difference = diverged && JSON.stringify(diverged);
    const rows = await APPLY_ONE(this.database, { ...step, play_sid, epoch, owner, group_no, cost_usd, difference });
    return rows.length > 0;
  }

  private async commitMany(groups: OwnedGroup[]): Promise<Verdict[]> {
    const steps = groups.flatMap((group, g) => group.steps.map((step, ordinal) => ({ ...step, g: g + 1, ordinal })));
    const rows = await COMMIT(this.database, {
      sids: groups.map(({ play_sid }) => play_sid),
      epochs: groups.map(({ epoch }) => epoch),
      owners: groups.map(({ owner }) => owner),
      group_numbers: groups.map(({ group }) => group),
      costs: groups.map(({ cost_usd }) => cost_usd),
      differences: groups.map(({ diverged }) => diverged && JSON.stringify(diverged)),
      of_group: steps.map(({ g }) => g),
      ordinals: steps.map(({ ordinal }) => ordinal),
      step_keys: steps.map(({ step_key }) => step_key),
      places: steps.map(({ place }) => place),
      parent_places: steps.map(({ parent_place }) => parent_place),
      names: steps.map(({ name }) => name),
      roles: steps.map(({ role }) => role),
      kinds: steps.map(({ kind }) => kind),
      outcomes: textArray(steps.map(({ outcome }) => outcome)),
      span_ids: steps.map(({ span_id }) => span_id),
      functions: steps.map(({ function_sha256 }) => function_sha256),
    });
    return rows.map(({ verdict }) => verdict);
  }
}

const KEPT = `ON CONFLICT (play_sid, step_key) DO UPDATE SET kind = excluded.kind, outcome = excluded.outcome, span_id = excluded.span_id,
      epoch = excluded.epoch, group_no = excluded.group_no, ordinal = excluded.ordinal, committed_at = now()
      WHERE steps.kind = 'begun'`;

interface StepOfGroup extends StepOutcome {
  play_sid: string;
  epoch: number;
  owner: string;
  group_no: number;
  cost_usd: number;
  difference: string | null;
}

const APPLY_ONE = named<StepOfGroup>(
  'step_commit_one',
  `
  WITH play AS (
    SELECT sid FROM plays
    WHERE sid = :play_sid AND epoch = :epoch AND owner = :owner AND status = 'running'
      AND NOT suspended AND group_no = :group_no - 1
    FOR NO KEY UPDATE SKIP LOCKED
  ), counted AS (
    UPDATE plays p SET group_no = :group_no, total_cost_usd = p.total_cost_usd + :cost_usd,
      diverged = coalesce(p.diverged, :difference)
    FROM play WHERE p.sid = play.sid
  ), remembered AS (
    INSERT INTO steps (play_sid, step_key, place, kind, outcome, span_id, name, role, function_sha256, parent_place, epoch, group_no, ordinal)
    SELECT sid, :step_key::text, :place::text, :kind::text, :outcome::json, :span_id::text, :name::text, :role::text,
      :function_sha256::text, :parent_place::text, :epoch::int, :group_no::int, 0
    FROM play
    ${KEPT}
  )
  SELECT FROM play`,
);

const COMMIT = named<object, { verdict: Verdict }>(
  'step_commit',
  `
  WITH groups AS (
    SELECT * FROM unnest(:sids::text[], :epochs::int[], :owners::text[], :group_numbers::int[], :costs::float8[], :differences::json[])
      WITH ORDINALITY AS g(sid, epoch, owner, group_no, cost, diverged, g)
  ), locked AS (
    SELECT sid, status, epoch, owner, group_no, suspended FROM plays
    WHERE sid = ANY(:sids::text[]) ORDER BY sid FOR NO KEY UPDATE SKIP LOCKED
  ), judged AS (
    SELECT g.*, CASE
      WHEN l.sid IS NULL THEN
        CASE WHEN EXISTS (SELECT FROM plays p WHERE p.sid = g.sid) THEN 'skipped' ELSE 'fenced' END
      WHEN l.epoch <> g.epoch OR l.owner <> g.owner OR l.status <> 'running' THEN 'fenced'
      WHEN g.group_no = l.group_no THEN 'done'
      WHEN NOT l.suspended AND g.group_no = l.group_no + 1 THEN 'apply'
      ELSE 'fenced' END AS verdict
    FROM groups g LEFT JOIN locked l ON l.sid = g.sid
  ), counted AS (
    UPDATE plays p SET group_no = j.group_no, total_cost_usd = p.total_cost_usd + j.cost,
      diverged = coalesce(p.diverged, j.diverged)
    FROM judged j WHERE p.sid = j.sid AND j.verdict = 'apply'
  ), remembered AS (
    INSERT INTO steps (play_sid, step_key, place, kind, outcome, span_id, name, role, function_sha256, parent_place, epoch, group_no, ordinal)
    SELECT j.sid, s.step_key, s.place, s.kind, s.outcome, s.span_id, s.name, s.role, s.function_sha256, s.parent_place, j.epoch, j.group_no, s.ordinal
    FROM unnest(:of_group::int[], :ordinals::int[], :step_keys::text[], :places::text[], :kinds::text[], :outcomes::json[],
                :span_ids::text[], :names::text[], :roles::text[], :functions::text[], :parent_places::text[])
      AS s(g, ordinal, step_key, place, kind, outcome, span_id, name, role, function_sha256, parent_place)
    JOIN judged j ON j.g = s.g
    WHERE j.verdict = 'apply'
    ${KEPT}
  )
  SELECT CASE verdict WHEN 'apply' THEN 'done' ELSE verdict END AS verdict FROM judged ORDER BY g`,
);
