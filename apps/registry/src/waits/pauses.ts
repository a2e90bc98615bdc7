/**
 * play_pause: commits the questions of a play whose every open leaf waits.
 *
 * 1. It is the next group of the epoch, under the same fence as a step commit (I2); sent again, it is answered as before.
 * 2. The commit that records a question takes its answer: the next prefilled one, else a kept one, once, bound to the
 *    question's id (I5).
 * 3. Suspended means: the process is to go, and no further write of this epoch is accepted. The play stays `running` until
 *    the process is gone (I11 counts from there); what comes meanwhile is noted in `wake`.
 * 4. Only questions take prefilled and kept answers. A timer is ended by the registry's clock, a child by its end; what failed of
 *    them is an error, brought like an answer.
 * 5. A play that is prefill_only fails at the first question without an answer, with an error that names it.
 * 6. To linger is to wait without being suspended: the play's time stands still, and it may still commit. Parked, it is suspended
 *    whatever is answered, and wakes at once where something is.
 */
import {
  issuesOf,
  Name,
  type Params,
  PAYLOAD_LIMIT,
  type PlayError,
  type playPause,
  type Question,
  type Result,
} from '@hero/contracts';
import { checkSchema, jsonFaults, payloadFault, schemaFaults } from '@hero/json';
import type { Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { Answered, Change } from '../outbox/changes.js';
import { storable } from '../life/endings.js';
import { MoveStore } from '../life/move-store.js';
import { nextPrefill } from './prefills.js';
import { Relay } from '../outbox/relay.js';
import { resumeIdOf } from './resume-ids.js';
import { type Asked, type AskedRow, keptUnder, type Prefill, ResumeStore } from './resume-store.js';
import { RunStore } from '../runs/run-store.js';
import { isFaultOfData, messageOf } from '../runs/steps.js';

type Pause = Params<typeof playPause>;
type PauseResult = Result<typeof playPause>;

@Injectable()
export class Pauses {
  constructor(
    private readonly runs: RunStore,
    private readonly resumes: ResumeStore,
    private readonly moves: MoveStore,
    private readonly relay: Relay,
  ) {}

  async pause(p: Pause): Promise<PauseResult> {
    await failpoint('registry.pause.before');
    const questions = p.questions.map((question) => ({ ...question, id: resumeIdOf(p.play_sid, question.place) }));
    const refused = (message: string): PauseResult => ({ result: 'refused', answers: [], resume_ids: [], message });
    const fault = questions.map(questionFault).find((found) => found !== undefined);
    if (fault !== undefined) return refused(fault);
    if (questions.length === 0 && !p.replay)
      return refused('A pause needs a question; a flow cannot wait for nothing.');
    try {
      const done = await this.runs.database.tx((sql) => this.commit(p, questions, sql));
      await failpoint('registry.pause.after');
      if (done.told) this.relay.tell(done.told);
      return done.result;
    } catch (error) {
      if (!isFaultOfData(error)) throw error;
      return refused(`The question cannot be stored: ${messageOf(error)}.`);
    }
  }

  private async commit(p: Pause, questions: Asked[], sql: Sql): Promise<Committed> {
    const { play_sid } = p;
    const held = await this.runs.hold(p, sql);
    const again = held?.group_no === p.group;
    if (!held || (!again && (held.suspended || p.group !== held.group_no + 1))) return just('fenced');
    if (again && held.suspended) return just('suspended');
    const rows = await this.resumes.ask(play_sid, questions, sql);
    const taken = await this.takeAnswers(play_sid, rows, sql);
    if (taken.misfit) return this.fail(p, taken.misfit, sql);
    const asked =
      taken.answered.length > 0
        ? await this.resumes.asked(
            rows.map(({ id }) => id),
            sql,
          )
        : rows;
    const open = asked.find(({ resumed_at, kind }) => resumed_at === null && kind === 'question');
    if (open && held.prefill_only) return this.fail(p, unanswered(open, spanOf(open, questions)), sql);
    const answers = asked.flatMap(({ place, outcome, payload }) =>
      outcome !== null && payload !== null ? [{ place, kind: outcome, payload }] : [],
    );
    cutReply(answers);
    const result = resultOf(p, answers.length > 0);
    // Its first reply had an answer; without one this is another request under the same number.
    if (again && result === 'suspended') return just('fenced');
    const { group, cost_usd, events, diverged } = p;
    const suspended = result === 'suspended';
    const wake = suspended && (p.replay || answers.length > 0);
    const paused = { group, cost_usd: again ? 0 : cost_usd, suspended, wake, still: result !== 'answered' };
    const remaining_ms = await this.resumes.pause(play_sid, { ...paused, events, diverged }, sql);
    const told = taken.answered.length > 0 ? await this.moves.tell(play_sid, taken.answered, sql) : undefined;
    const resume_ids = asked.flatMap(({ id, kind, resumed_at }) =>
      kind === 'question' && resumed_at === null ? [id] : [],
    );
    return {
      result: { result, answers: result === 'answered' ? answers : [], resume_ids, remaining_ms },
      told,
    };
  }

  /** Rule 2. */
  private async takeAnswers(playSid: string, rows: AskedRow[], sql: Sql): Promise<Taken> {
    const answered: Answered[] = [];
    let unused: Prefill[] | undefined;
    for (const row of rows) {
      if (row.resumed_at !== null || row.kind !== 'question') continue;
      unused ??= await this.resumes.prefills(playSid, sql);
      const prefill = nextPrefill(unused, row.name);
      if (prefill) {
        const misfit = misfitOf(row, prefill);
        if (misfit) return { answered, misfit };
        unused = unused.filter((other) => other !== prefill);
        await this.resumes.usePrefill(playSid, prefill, row.id, sql);
        await this.resumes.give(
          { id: row.id, payload: prefill.payload, outcome: 'answer', resumed_by: 'prefill' },
          sql,
        );
        answered.push({ resume_id: row.id, resumed_by: 'prefill' });
        continue;
      }
      const payload =
        (await this.resumes.takeKept(playSid, keptUnder(row.id), sql)) ??
        (await this.resumes.takeKept(playSid, row.name, sql));
      // A kept answer that does not fit is dropped: the question stays open, for somebody who sees its schema.
      if (payload === undefined || faultsOf(row, payload).length > 0) continue;
      await this.resumes.give({ id: row.id, payload, outcome: 'answer', resumed_by: 'early' }, sql);
      answered.push({ resume_id: row.id, resumed_by: 'early' });
    }
    return { answered };
  }

  private async fail(p: Pause, error: PlayError, sql: Sql): Promise<Committed> {
    const { play_sid, cost_usd, events } = p;
    const told = await this.moves.move('failed', { play_sid, error: storable(error), cost_usd, events }, sql);
    return { ...just('ended'), told };
  }
}

/** A reply carries one payload of the largest size, or several that are together no larger: the others are asked for again. */
function cutReply(answers: { payload: string }[]): void {
  let bytes = 0;
  const end = answers.findIndex(({ payload }, n) => (bytes += Buffer.byteLength(payload)) > PAYLOAD_LIMIT && n > 0);
  if (end > 0) answers.length = end;
}

interface Committed {
  result: PauseResult;
  told?: Change;
}

interface Taken {
  answered: Answered[];
  misfit?: PlayError;
}

const just = (result: PauseResult['result']): Committed => ({
  result: { result, answers: [], resume_ids: [] },
});

/** Rule 6. */
function resultOf({ linger, park }: Pause, answered: boolean): 'answered' | 'suspended' | 'waiting' {
  if (answered && !park) return 'answered';
  return linger && !answered ? 'waiting' : 'suspended';
}

export const faultsOf = ({ schema }: AskedRow, payload: string) =>
  schema === null ? [] : checkSchema(schema, JSON.parse(payload), 'payload');

const spanOf = ({ id }: AskedRow, questions: Asked[]): string | null =>
  questions.find((question) => question.id === id)?.span_id ?? null;

function misfitOf(row: AskedRow, { pattern, payload }: Prefill): PlayError | undefined {
  const [issue] = faultsOf(row, payload);
  if (!issue) return undefined;
  const message = `The prefilled answer ${JSON.stringify(pattern)} does not fit the pause ${JSON.stringify(row.name)}: ${issue.path} ${issue.message}.`;
  return { type: 'PrefillInvalid', message, traceback: '', span_id: null };
}

function unanswered({ name }: AskedRow, span_id: string | null): PlayError {
  const message = `The pause ${JSON.stringify(name)} has no prefilled answer, and the play was started with prefill only; add ${JSON.stringify(name)} to prefill_resumes.`;
  return { type: 'PauseWithoutAnswer', message, traceback: '', span_id };
}

/** What of a question could not be stored, or not be checked later. */
function questionFault(question: Question): string | undefined {
  const { name, schema, ui, place, span_id } = question;
  const named = Name.safeParse(name);
  const issues = [
    ...(named.success ? [] : issuesOf(named.error, ['name'])),
    ...jsonFaults({ ui, place, span_id }, ''),
    ...(schema === null ? [] : [...jsonFaults(schema, 'schema'), ...schemaFaults(schema, 'schema')]),
  ];
  const fallback = question.default === null ? undefined : payloadFault(question.default, 'default');
  const [issue] = issues;
  if (issue) return `The pause ${JSON.stringify(name)} cannot be asked: ${issue.path} ${issue.message}.`;
  return fallback === undefined ? undefined : `The pause ${JSON.stringify(name)} cannot be asked: ${fallback}.`;
}
