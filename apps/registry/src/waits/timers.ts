/**
 * Time limits of questions, sleeps, backoffs and timeouts: whose time is over is answered by the registry's timer, or by the group
 * of the play that asks first. The default is the answer; without one an error is remembered at the place, which the pause raises.
 */
import { every, type Log, type Timer } from '@hero/service-kit';
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { type Given, ResumeStore } from './resume-store.js';
import { type Due, type Expiry, TimerStore } from './timer-store.js';
import { Wakes, type Woken } from './wakes.js';

const LOOK_MS = 200;
const BATCH = 100;

@Injectable()
export class Timers {
  private timer?: Timer;

  constructor(
    private readonly store: TimerStore,
    private readonly resumes: ResumeStore,
    private readonly wakes: Wakes,
  ) {}

  start(log: Log): void {
    this.timer = every(LOOK_MS, () => this.expire(), { log, name: 'timers' });
  }

  async stop(): Promise<void> {
    await this.timer?.stop();
  }

  /** Answers every wait whose time is over. */
  async expire(): Promise<void> {
    for (;;) {
      const due = await this.store.due(BATCH);
      let expired = 0;
      for (const wait of due) {
        const woken = await this.store.database.tx((sql) => this.expireOne(wait, sql));
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
    // It may have been withdrawn since it was found to be due.
    if (!row.waits || row.withdrawn) {
      await this.store.forget(due.id, sql);
      return undefined;
    }
    const given = await this.resumes.give(expired({ ...row, id: due.id }), sql);
    if (given === undefined) return undefined;
    const play = { ...row, play_sid: due.play_sid };
    return this.wakes.wake(play, row, [{ resume_id: due.id, resumed_by: 'timeout' }], sql);
  }
}

/** What a wait gets whose time is over. */
export const expired = (wait: Expiry & { id: string }): Given => ({
  id: wait.id,
  payload: wait.fallback ?? pauseTimeout(wait),
  outcome: wait.fallback === null ? 'error' : 'answer',
  resumed_by: 'timeout',
});

/** The shape of a remembered error. */
function pauseTimeout({ name, seconds }: Expiry): string {
  const message = `Nobody answered the pause ${JSON.stringify(name)} within ${seconds} s.`;
  return JSON.stringify({
    type: 'PauseTimeout',
    module: 'hero_tracing',
    message,
    data: { name, seconds },
    traceback: '',
  });
}
