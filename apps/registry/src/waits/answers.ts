/**
 * Answers to questions: from a person, a program, or the timer.
 *
 * 1. Everything is decided under the play's row: who comes second finds the question answered (I5) or the play final (I6).
 * 2. An answer is checked against the question's schema before anything is written.
 * 3. A play that waits becomes pending; one whose process is just going is told to come back; one that runs finds the
 *    answer at its next pause, one that is pending in its memory. Answers within the same moment wake it once.
 * 4. A timeout without a default is remembered as an error at the pause's place, which the pause raises.
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
import { fits, jsonFaults } from '@hero/json';
import type { Sql } from '@hero/persistence';
import { every, failpoint, type Log, type Timer } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { faultsOf } from './pauses.js';
import { PlayStore } from '../plays/play-store.js';
import { noPlay, requestOf } from '../plays/plays.js';
import { type Due, type DueRow, keptUnder, ResumeStore } from './resume-store.js';
import { Wakes, type Woken } from './wakes.js';

const TIMER_MS = 200;
const BATCH = 100;

type Answer = Result<typeof playResume>;

/** A question that nobody has asked yet: under which name its answer is kept, and what people call it. */
interface ToCome {
  name: string;
  called: string;
}

@Injectable()
export class Resumes {
  private timer?: Timer;

  constructor(
    private readonly store: ResumeStore,
    private readonly plays: PlayStore,
    private readonly wakes: Wakes,
  ) {}

  start(log: Log): void {
    this.timer = every(TIMER_MS, () => this.expire(), { log, name: 'question timeouts' });
  }

  async stop(): Promise<void> {
    await this.timer?.stop();
  }

  async answer(p: Params<typeof playResume>, by: 'caller' | 'hook' = 'caller'): Promise<Answer> {
    const unfit = jsonFaults(p.payload, 'payload');
    if (unfit.length > 0) throw misfit(unfit);
    const text = JSON.stringify(p.payload);
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

  async pending({ play_sid }: Params<typeof playPendingResumes>): Promise<ResumeRequest[]> {
    if (play_sid !== undefined) {
      if (!(await this.plays.mark(play_sid))) throw noPlay(play_sid);
    }
    const rows = await this.plays.openResumes(play_sid);
    return rows.map(requestOf);
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
    const question =
      resume_id === undefined
        ? await this.store.byName(play_sid, name, sql)
        : await this.store.byId(play_sid, resume_id, sql);
    if (question && question.resumed_at !== null) throw alreadyResumed(question.name, question.resumed_at);
    if (isFinal(play.status)) {
      throw new HeroError('INVALID_STATE', `Play ${play_sid} is ${play.status}: nothing waits for an answer any more.`);
    }
    if (!question) {
      if (resume_id !== undefined && by === 'caller') throw noQuestion(play_sid, resume_id);
      const answer =
        resume_id === undefined
          ? await this.keep(play_sid, { name, called: name }, payload, sql)
          : await this.keep(play_sid, { name: keptUnder(resume_id), called: resume_id }, payload, sql);
      return { answer };
    }
    const faults = faultsOf(question, payload);
    if (faults.length > 0) throw misfit(faults);
    const resumed_at = await this.store.give(
      { id: question.id, payload, outcome: 'answer', resumed_by: 'interactive' },
      sql,
    );
    // The play is locked and the question was open: nobody else can have answered it.
    if (resumed_at === undefined) throw new Error(`Question ${question.id} was answered under the lock of its play.`);
    await this.store.interactive(play_sid, sql);
    const woken = await this.wakes.wake(play, [{ resume_id: question.id, resumed_by: 'interactive' }], sql);
    return { answer: { ok: true, resumed_at, kept: false }, woken };
  }

  private async keep(playSid: string, question: ToCome, payload: string, sql: Sql): Promise<Answer> {
    const { kept_at, fresh } = await this.store.keep(playSid, question.name, payload, sql);
    if (!fresh) throw alreadyResumed(question.called, kept_at);
    await this.store.interactive(playSid, sql);
    return { ok: true, resumed_at: kept_at, kept: true };
  }

  /** Answers every question whose time is over, with its default or with an error. */
  async expire(): Promise<void> {
    for (;;) {
      const due = await this.store.due(BATCH);
      let expired = 0;
      for (const question of due) {
        const woken = await this.store.database.tx((sql) => this.expireOne(question, sql));
        if (woken === 'held') continue;
        expired++;
        if (woken) this.wakes.tell(woken);
      }
      if (expired < BATCH) return;
    }
  }

  private async expireOne(due: Due, sql: Sql): Promise<Woken | 'held' | undefined> {
    const row = await this.store.lockDue(due, sql);
    if (!row) return 'held';
    if (!row.waits) {
      await this.store.forgetTimer(due.id, sql);
      return undefined;
    }
    const outcome = row.fallback === null ? 'error' : 'answer';
    const payload = row.fallback ?? pauseTimeout(row);
    const given = await this.store.give({ id: due.id, payload, outcome, resumed_by: 'timeout' }, sql);
    if (given === undefined) return undefined;
    const play = { ...row, play_sid: due.play_sid };
    return this.wakes.wake(play, [{ resume_id: due.id, resumed_by: 'timeout' }], sql);
  }
}

/** Rule 4: the shape of a remembered error. */
function pauseTimeout({ name, seconds }: DueRow): string {
  const message = `Nobody answered the pause ${JSON.stringify(name)} within ${seconds} s.`;
  return JSON.stringify({
    type: 'PauseTimeout',
    module: 'hero_tracing',
    message,
    data: { name, seconds },
    traceback: '',
  });
}

function misfit(issues: HeroError['issues']): HeroError {
  return new HeroError('INVALID_PARAMS', 'The answer does not fit the question; see issues.', { issues });
}

export function alreadyResumed(name: string, resumed_at: string): HeroError {
  return new HeroError('ALREADY_RESUMED', `The question ${JSON.stringify(name)} was answered at ${resumed_at}.`, {
    details: { resumed_at },
  });
}

const noQuestion = (playSid: string, id: string): HeroError =>
  new HeroError('NOT_FOUND', `Play ${playSid} has no question ${id}; play_pending_resumes shows the open ones.`);
