/** Somebody who answers: at random, out of order, twice at once, with what does not fit, and in a race with cancels and time-outs. */
import { setTimeout as delay } from 'node:timers/promises';
import type { HeroClient, shapes } from '@hero/openrpc';
import type { Given } from './checker.js';

export class Actor {
  readonly given = new Map<string, Given>();
  answers = 0;
  private stopped = false;
  private working?: Promise<void>;

  constructor(
    private readonly hero: HeroClient,
    private readonly random: () => number,
  ) {}

  start(): void {
    this.working = this.work();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.working;
  }

  private async work(): Promise<void> {
    while (!this.stopped) {
      await delay(100);
      const open = await this.hero.play_pending_resumes({}).catch(() => []);
      await Promise.all(open.filter(() => this.random() < 0.4).map((request) => this.answer(request)));
    }
  }

  private async answer(request: shapes.ResumeRequest): Promise<void> {
    const { name } = request;
    if (name.startsWith('decide:')) {
      const payload: shapes.Json = this.random() < 0.5 ? { action: 'run' } : { action: 'result', result: 'by hand' };
      await this.hero
        .play_resume({ play_sid: request.play_sid, resume_id: request.id, payload })
        .catch(() => undefined);
      return;
    }
    const times = this.random() < 0.3 ? 2 : 1;
    await Promise.all(Array.from({ length: times }, () => this.give(request)));
  }

  private async give({ play_sid, id, name }: shapes.ResumeRequest): Promise<void> {
    const payload = { n: this.random() };
    const given = this.given.get(name) ?? { accepted: [], possible: [] };
    this.given.set(name, given);
    const target = this.random() < 0.5 ? { resume_id: id } : { name };
    try {
      await this.hero.play_resume({ play_sid, ...target, payload });
      given.accepted.push(payload);
      this.answers++;
    } catch (error) {
      // A refusal decided nothing; whatever else may have been accepted without our hearing of it.
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!['ALREADY_RESUMED', 'INVALID_STATE', 'NOT_FOUND', 'INVALID_PARAMS'].includes(code))
        given.possible.push(payload);
    }
  }
}
