/**
 * The common part of play_ask and play_pause: records the waits of a play, and takes the answers (decision 14).
 *
 * 1. A question is recorded once. The commit that records it also uses an answer that is already there, the next prefilled one or
 *    else a kept one, once and bound to the question's id (I5).
 * 2. Only questions use prefilled and kept answers. The registry's clock ends a timer, the end of the child ends a wait for it. A timer
 *    that is due counts as answered, even if the sweep has not answered it yet.
 * 3. An invalid question is refused alone; the others are asked. Nothing of it is stored, so the same request gets the
 *    same refusal.
 * 4. An answer is taken once, by the group whose reply has it; that fixes its position in the order of memory (decision 13).
 * 5. A play that is prefill_only fails at the first question without an answer, with an error that names it.
 */
import {
  type Issue,
  issuesOf,
  messageOf,
  Name,
  type Params,
  PAYLOAD_LIMIT,
  type PlayError,
  type playAsk,
  type Question,
  type WaitAnswer,
} from '@hero/contracts';
import { jsonFaults, payloadFault, schemaFaults } from '@hero/json';
import { isDataError, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { Checks } from '../schema-checks/checks.js';
import type { Answered } from '../outbox/changes.js';
import type { HeldPlay } from '../runs/run-store.js';
import { nextPrefill } from './prefills.js';
import { LinkStore } from './link-store.js';
import { keptUnder, type Prefill, PrefillStore } from './prefill-store.js';
import { resumeIdOf } from '../life/ids.js';
import { type Asked, ResumeStore, type UntakenRow } from './resume-store.js';
import { expired } from './timers.js';
import { TimerStore } from './timer-store.js';

type Request = Pick<Params<typeof playAsk>, 'play_sid' | 'epoch' | 'group' | 'questions' | 'withdrawn'>;

export interface HandedOver {
  answers: WaitAnswer[];
  more: boolean;
}

/** The result of a request: the answered and the open waits of this epoch. */
export interface Found {
  refused: WaitAnswer[];
  /** Answers that were taken before and are asked for again. */
  before: WaitAnswer[];
  /** In the order in which the play must get them. */
  answered: UntakenRow[];
  open: UntakenRow[];
  /** Ids that this request recorded. */
  fresh: Set<string>;
  /** Questions that were answered in this transaction; each becomes an event. */
  told: Answered[];
  /** The error with which the play fails: rule 5, or a prefilled answer that does not fit. */
  failure?: PlayError;
}

@Injectable()
export class Questions {
  constructor(
    private readonly resumes: ResumeStore,
    private readonly prefills: PrefillStore,
    private readonly timers: TimerStore,
    private readonly links: LinkStore,
    private readonly checks: Checks,
  ) {}

  /** The caller has locked the play. */
  async record(p: Request, held: Pick<HeldPlay, 'prefill_only'>, sql: Sql): Promise<Found> {
    const { play_sid, epoch } = p;
    const { sound, refused } = sorted(p);
    const { fresh, refused: unstorable } = await this.insert(play_sid, epoch, sound, sql);
    refused.push(...unstorable);
    const questions = sound.filter(({ id, kind }) => kind === 'question' && fresh.has(id));
    if (questions.length > 0) await this.links.bind(play_sid, questions, sql);
    if (p.withdrawn.length > 0) {
      await this.resumes.withdraw(
        p.withdrawn.map((place) => resumeIdOf(play_sid, place)),
        sql,
      );
    }
    let untaken = await this.resumes.untaken(play_sid, epoch, sql);
    const early = await this.takeEarly(play_sid, sound, untaken, sql);
    const late = await this.endTimers(untaken, sql);
    const told = [...early.answered, ...late];
    if (told.length > 0) untaken = await this.resumes.untaken(play_sid, epoch, sql);
    const [answered, open] = [untaken.filter((wait) => wait.answered), untaken.filter((wait) => !wait.answered)];
    const unanswered = held.prefill_only ? open.find(({ kind }) => kind === 'question') : undefined;
    const failure = early.misfit ?? (unanswered && withoutAnswer(unanswered));
    const here = new Set(untaken.map(({ id }) => id));
    const elsewhere = sound.flatMap(({ id }) => (here.has(id) ? [] : [id]));
    const before = elsewhere.length > 0 ? await this.resumes.takenOf(elsewhere, sql) : [];
    return { refused, before, answered, open, fresh, told, failure };
  }

  /** Rule 4. */
  async handOver(p: Request, { refused, before, answered }: Found, sql: Sql): Promise<HandedOver> {
    const fitting = cut(answered, before);
    if (fitting.length === 0) return { answers: [...refused, ...before], more: false };
    const taken = await this.resumes.take(
      p.epoch,
      p.group,
      fitting.map(({ id }) => id),
      sql,
    );
    return { answers: [...refused, ...before, ...taken], more: fitting.length < answered.length };
  }

  /** The reply to a repeated request whose first reply was lost; undefined if that took no answer. */
  async handedOver(p: Request, { refused, answered }: Found, sql: Sql): Promise<HandedOver | undefined> {
    const taken = await this.resumes.takenBy(p.play_sid, p.epoch, p.group, sql);
    return taken.length > 0 ? { answers: [...refused, ...taken], more: answered.length > 0 } : undefined;
  }

  /** Rule 3: if the database refuses what the check accepted, each question is recorded alone. */
  private async insert(
    playSid: string,
    epoch: number,
    questions: Asked[],
    sql: Sql,
  ): Promise<{ fresh: Set<string>; refused: WaitAnswer[] }> {
    if (questions.length === 0) return { fresh: new Set(), refused: [] };
    await sql.run('SAVEPOINT questions');
    try {
      return { fresh: await this.resumes.record(playSid, epoch, questions, sql), refused: [] };
    } catch (error) {
      if (!isDataError(error)) throw error;
      await sql.run('ROLLBACK TO SAVEPOINT questions');
      const [only, ...others] = questions;
      if (only && others.length === 0) {
        return {
          fresh: new Set(),
          refused: [refusal(only.place, `The question cannot be stored: ${messageOf(error)}.`)],
        };
      }
      const fresh = new Set<string>();
      const refused: WaitAnswer[] = [];
      for (const question of questions) {
        const alone = await this.insert(playSid, epoch, [question], sql);
        for (const id of alone.fresh) fresh.add(id);
        refused.push(...alone.refused);
      }
      return { fresh, refused };
    }
  }

  /** Rule 1. */
  private async takeEarly(playSid: string, asked: Asked[], untaken: UntakenRow[], sql: Sql): Promise<Early> {
    const ids = new Set(asked.map(({ id }) => id));
    const open = untaken.filter((wait) => wait.kind === 'question' && !wait.answered && ids.has(wait.id));
    const answered: Answered[] = [];
    if (open.length === 0) return { answered };
    let unused = await this.prefills.unused(playSid, sql);
    const kept = await this.prefills.keptNames(playSid, sql);
    if (unused.length === 0 && kept.size === 0) return { answered };
    const ways = await this.resumes.ways(
      open.map(({ id }) => id),
      sql,
    );
    for (const wait of open) {
      const { schema = null, links = [] } = ways.get(wait.id) ?? {};
      const prefill = nextPrefill(unused, wait.name);
      if (prefill) {
        const [issue] = await this.checks.answer(playSid, schema, prefill.payload);
        if (issue) return { answered, misfit: misfitOf(wait, prefill, issue) };
        unused = unused.filter((other) => other !== prefill);
        await this.prefills.use(playSid, prefill, wait.id, sql);
        await this.give(wait.id, prefill.payload, 'prefill', answered, sql);
        continue;
      }
      const names = [keptUnder(wait.id), ...links.map(keptUnder), wait.name];
      const name = names.find((candidate) => kept.delete(candidate));
      const payload = name === undefined ? undefined : await this.prefills.takeKept(playSid, name, sql);
      // A kept answer that does not fit is discarded, and the question stays open for an answer that does.
      if (payload === undefined || (await this.checks.answer(playSid, schema, payload)).length > 0) continue;
      await this.give(wait.id, payload, 'early', answered, sql);
    }
    return { answered };
  }

  private async give(
    id: string,
    payload: string,
    by: 'prefill' | 'early',
    answered: Answered[],
    sql: Sql,
  ): Promise<void> {
    await this.resumes.give({ id, payload, outcome: 'answer', resumed_by: by }, sql);
    answered.push({ resume_id: id, resumed_by: by });
  }

  /** Rule 2. */
  private async endTimers(untaken: UntakenRow[], sql: Sql): Promise<Answered[]> {
    const due = untaken.flatMap(({ id, due_ms }) => (due_ms !== null && due_ms <= 0 ? [id] : []));
    const ended: Answered[] = [];
    if (due.length === 0) return ended;
    for (const wait of await this.timers.expiries(due, sql)) {
      const given = await this.resumes.give(expired(wait), sql);
      if (given !== undefined) ended.push({ resume_id: wait.id, resumed_by: 'timeout' });
    }
    return ended;
  }
}

interface Early {
  answered: Answered[];
  misfit?: PlayError;
}

/** A reply has one payload of the largest size, or several that are together no larger. */
function cut(answered: UntakenRow[], before: WaitAnswer[]): UntakenRow[] {
  let bytes = before.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
  const end = answered.findIndex((wait, n) => (bytes += wait.bytes) > PAYLOAD_LIMIT && n > 0);
  return end > 0 ? answered.slice(0, end) : answered;
}

function misfitOf(wait: UntakenRow, { pattern }: Prefill, issue: Issue): PlayError {
  const message = `The prefilled answer ${JSON.stringify(pattern)} does not fit the pause ${JSON.stringify(wait.name)}: ${issue.path} ${issue.message}.`;
  return { type: 'PrefillInvalid', message, traceback: '', span_id: null };
}

function withoutAnswer({ name, span_id }: UntakenRow): PlayError {
  const message = `The pause ${JSON.stringify(name)} has no prefilled answer, and the play was started with prefill only; add ${JSON.stringify(name)} to prefill_resumes.`;
  return { type: 'PauseWithoutAnswer', message, traceback: '', span_id };
}

/** When the first of the open waits is due. */
export const firstDue = ({ open }: Found): number =>
  Math.min(...open.map(({ due_ms }) => due_ms ?? Number.POSITIVE_INFINITY));

const refusal = (place: string, message: string): WaitAnswer => ({
  place,
  kind: 'refused',
  payload: JSON.stringify({ code: 'REFUSED', message }),
});

/** Rule 3. */
function sorted({ play_sid, questions }: Request): { sound: Asked[]; refused: WaitAnswer[] } {
  const sound = new Map<string, Asked>();
  const refused: WaitAnswer[] = [];
  for (const question of questions) {
    const fault = questionFault(question);
    if (fault !== undefined) refused.push(refusal(question.place, fault));
    else sound.set(question.place, { ...question, id: resumeIdOf(play_sid, question.place) });
  }
  return { sound: [...sound.values()], refused };
}

/** Why a question cannot be stored, or why its schema cannot be used. */
function questionFault(question: Question): string | undefined {
  const { name, schema, ui, place, parent_place, span_id, links } = question;
  const named = Name.safeParse(name);
  const issues = [
    ...(named.success ? [] : issuesOf(named.error, ['name'])),
    ...jsonFaults({ ui, place, parent_place, span_id, links }, ''),
    ...(schema === null ? [] : [...jsonFaults(schema, 'schema'), ...schemaFaults(schema, 'schema')]),
  ];
  const fallback = question.default === null ? undefined : payloadFault(question.default, 'default');
  const [issue] = issues;
  if (issue) return `The pause ${JSON.stringify(name)} cannot be asked: ${issue.path} ${issue.message}.`;
  return fallback === undefined ? undefined : `The pause ${JSON.stringify(name)} cannot be asked: ${fallback}.`;
}
