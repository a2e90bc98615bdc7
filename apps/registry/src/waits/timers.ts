/**
 * Time limits of questions, sleeps, backoffs and timeouts. The registry's sweep answers a wait that is due, unless a group of the
 * play takes it first. The answer is the default; without one an error is remembered at the place, and the pause raises it.
 *
 * 1. Each sweep plans the next one for the wait that is due first, and whoever commits a wait says when it is due: so a wait is
 *    answered when it is due, and a registry that has none looks once a second.
 * 2. A wait that another registry committed is answered by that one; if it has died, by the sweep of any.
 */
import { every, type Log, type Timer } from '@hero/service-kit';
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { type Given, ResumeStore } from './resume-store.js';
import { type Due, type Expiry, TimerStore } from './timer-store.js';
import { Wakes, type Woken } from './wakes.js';

const LOOK_MS = 1_000;
/** Waits that are due within so long are answered by one sweep. */
const GRAIN_MS = 20;
/** A due wait of a play that another transaction holds. */
const HELD_AGAIN_MS = 200;
const BATCH = 100;

@Injectable()
export class Timers {
  private timer?: Timer;
  private soon?: NodeJS.Timeout;
  private soonAt = Number.POSITIVE_INFINITY;

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
    clearTimeout(this.soon);
  }

  /** Rule 1: a wait whose commit has ended is due in so long. */
  expect(ms: number): void {
    if (ms >= LOOK_MS) return;
    const at = Math.ceil((performance.now() + Math.max(0, ms)) / GRAIN_MS) * GRAIN_MS;
    if (at >= this.soonAt) return;
    clearTimeout(this.soon);
    this.soonAt = at;
    const look = (): void => {
      this.soonAt = Number.POSITIVE_INFINITY;
      this.timer?.now();
    };
    this.soon = setTimeout(look, at - performance.now());
  }

  /** Answers every wait that is due. */
  async expire(): Promise<void> {
    for (;;) {
      const waits = await this.store.due(LOOK_MS, BATCH);
      const due = waits.filter(({ due_ms }) => due_ms <= 0);
      const [next] = waits.slice(due.length);
      if (next) this.expect(next.due_ms);
      let expired = 0;
      for (const wait of due) {
        const woken = await this.store.database.tx((sql) => this.expireOne(wait, sql));
        if (woken === 'held') continue;
        expired++;
        if (woken) this.wakes.tell(woken);
      }
      if (expired < due.length) this.expect(HELD_AGAIN_MS);
      if (expired < BATCH) return;
    }
  }

  private async expireOne(due: Due, sql: Sql): Promise<Woken | 'held' | undefined> {
    const row = await this.store.lockDue(due, sql);
    if (!row) return 'held';
    // The wait may have been withdrawn since it was found to be due.
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

/** The answer of a wait that is due. */
export const expired = (wait: Expiry & { id: string }): Given => ({
  id: wait.id,
  payload: wait.fallback ?? pauseTimeout(wait),
  outcome: wait.fallback === null ? 'error' : 'answer',
  resumed_by: 'timeout',
});

/** A remembered error. */
function pauseTimeout({ name, seconds }: Expiry): string {
  const message = `The pause ${JSON.stringify(name)} was not answered within ${seconds} s.`;
  return JSON.stringify({
    type: 'PauseTimeout',
    module: 'hero_tracing',
    message,
    data: { name, seconds },
    traceback: '',
  });
}
