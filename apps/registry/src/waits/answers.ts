/**
 * Answers to questions, from a person or a program.
 *
 * 1. Everything is decided under the lock of the play's row: a second answer finds the question answered (I5) or the play final (I6).
 * 2. An answer is checked against the question's schema before anything is written.
 * 3. wakes.ts decides whether the play becomes pending.
 * 4. A withdrawn question accepts no answer; an answer by its name is kept for the next question of that name.
 */
import {
  HeroError,
  isFinal,
  type Params,
  type playPendingResumes,
  type playResume,
  type Result,
  type ResumeRequest,
} from '@hero/contracts';
import { fits } from '@hero/json';
import type { Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { Checks } from '../schema-checks/checks.js';
import { PlayStore } from '../plays/play-store.js';
import { noPlay } from '../plays/plays.js';
import { requestOf } from '../plays/shown-plays.js';
import { ReplyBudget } from '../plays/large-values.js';
import { keptUnder, PrefillStore } from './prefill-store.js';
import { type AskedRow, type Given, ResumeStore } from './resume-store.js';
import { Wakes, type Woken } from './wakes.js';

type Answer = Result<typeof playResume>;

/** A question that the play has not asked yet: the name under which its answer is kept, and its name for people. */
interface ToCome {
  name: string;
  called: string;
}

@Injectable()
export class Answers {
  constructor(
    private readonly store: ResumeStore,
    private readonly prefills: PrefillStore,
    private readonly plays: PlayStore,
    private readonly wakes: Wakes,
    private readonly checks: Checks,
  ) {}

  async answer(p: Params<typeof playResume>, by: 'caller' | 'hook' = 'caller'): Promise<Answer> {
    const { text } = p.payload;
    const unfit = await this.checks.answer(p.play_sid, null, text);
    if (unfit.length > 0) throw misfit(unfit);
    if (!fits(text)) {
      throw new HeroError(
        'PAYLOAD_TOO_LARGE',
        'The answer has more than 16 MiB; put large data into a file, and answer with its name.',
      );
    }
    await failpoint('registry.resume.before');
    const done = await this.store.database.tx((sql) => this.commit(p, text, by, sql));
    await failpoint('registry.resume.after');
    this.wakes.tell(done.woken ?? {});
    return done.answer;
  }

  async pending(p: Params<typeof playPendingResumes>): Promise<ResumeRequest[]> {
    const { play_sid } = p;
    if (play_sid !== undefined) {
      if (!(await this.plays.mark(play_sid))) throw noPlay(play_sid);
    }
    const budget = new ReplyBudget();
    return (await this.plays.openResumes(p)).map((row) => requestOf(row, budget));
  }

  private async commit(
    p: Params<typeof playResume>,
    payload: string,
    by: 'caller' | 'hook',
    sql: Sql,
  ): Promise<{ answer: Answer; woken?: Woken }> {
    const { play_sid, resume_id, name = '' } = p;
    const play = await this.plays.lock(play_sid, sql);
    if (!play) throw noPlay(play_sid);
    const question = await this.find(p, by, sql);
    if (question && question.resumed_at !== null) throw alreadyResumed(question.name, question.resumed_at);
    if (isFinal(play.status)) {
      throw new HeroError('INVALID_STATE', `Play ${play_sid} is ${play.status}: it no longer waits for an answer.`);
    }
    if (question?.withdrawn && by === 'caller') throw withdrawn(question.name);
    if (!question || question.withdrawn) {
      if (resume_id !== undefined && by === 'caller') throw noQuestion(play_sid, resume_id);
      const answer =
        resume_id === undefined
          ? await this.keep(play_sid, { name, called: name }, payload, sql)
          : await this.keep(play_sid, { name: keptUnder(resume_id), called: resume_id }, payload, sql);
      return { answer };
    }
    const faults = await this.checks.answer(play_sid, question.schema, payload);
    if (faults.length > 0) throw misfit(faults);
    const answer: Given = { id: question.id, payload, outcome: 'answer', resumed_by: 'interactive' };
    const given = await this.store.giveByHand(play_sid, answer, sql);
    // The play is locked and the question was open, so no other transaction can have answered it.
    if (given === undefined) throw new Error(`Question ${question.id} was answered under the lock of its play.`);
    const answered = [{ resume_id: question.id, resumed_by: 'interactive' }];
    const woken = await this.wakes.wake(play, question, answered, sql, given.asks);
    return { answer: { ok: true, resumed_at: given.resumed_at, kept: false }, woken };
  }

  private find(
    { play_sid, resume_id, name = '' }: Params<typeof playResume>,
    by: 'caller' | 'hook',
    sql: Sql,
  ): Promise<AskedRow | undefined> {
    if (resume_id === undefined) return this.store.byName(play_sid, name, sql);
    return by === 'hook' ? this.store.byLink(play_sid, resume_id, sql) : this.store.byId(play_sid, resume_id, sql);
  }

  private async keep(playSid: string, question: ToCome, payload: string, sql: Sql): Promise<Answer> {
    const { kept_at, fresh } = await this.prefills.keep(playSid, question.name, payload, sql);
    if (!fresh) throw alreadyResumed(question.called, kept_at);
    await this.prefills.interactive(playSid, sql);
    return { ok: true, resumed_at: kept_at, kept: true };
  }
}

function misfit(issues: HeroError['issues']): HeroError {
  return new HeroError('INVALID_PARAMS', 'The answer does not fit the question; see issues.', { issues });
}

export function alreadyResumed(name: string, resumed_at: string): HeroError {
  return new HeroError('ALREADY_RESUMED', `The question ${JSON.stringify(name)} was answered at ${resumed_at}.`, {
    details: { resumed_at },
  });
}

const withdrawn = (name: string): HeroError =>
  new HeroError(
    'INVALID_STATE',
    `The question ${JSON.stringify(name)} was withdrawn: its branch of the play was cancelled.`,
  );

const noQuestion = (playSid: string, id: string): HeroError =>
  new HeroError('NOT_FOUND', `Play ${playSid} has no question ${id}; play_pending_resumes shows the open ones.`);
