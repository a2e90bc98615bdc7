/**
 * Answers the questions of a run: at random, out of order, twice at the same time, by signed links that plays leave in their folder,
 * before the questions are asked, long after they were answered or cancelled, and in a race with cancels and timeouts.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { HeroClient, shapes } from '@hero/openrpc';
import { postTo } from '../post.js';
import { repeat } from './repeat.js';
import { pick } from './statements.js';

/** The answers that were sent for one name of questions, by the reply to them. */
export interface Given {
  accepted: shapes.Json[];
  /** Answers whose reply was lost: one of them may have been accepted. */
  possible: shapes.Json[];
}

/** Error codes of answers that were not accepted. */
const REFUSALS = ['ALREADY_RESUMED', 'INVALID_STATE', 'NOT_FOUND', 'INVALID_PARAMS'];

const REMEMBERED = 200;

export class Answerer {
  readonly given = new Map<string, Given>();
  answers = 0;
  /** Questions that were open and were not answered here. */
  private readonly open = new Map<string, shapes.ResumeRequest>();
  private readonly patience = new Map<string, number>();
  private readonly answered: shapes.ResumeRequest[] = [];
  private readonly used = new Set<string>();
  private halt = (): Promise<void> => Promise.resolve();

  constructor(
    private readonly hero: HeroClient,
    private readonly random: () => number,
    private readonly folder: string,
    /** The socket on which the gateway serves HTTP. */
    private readonly socket: string,
    /** Share of the questions that stay open for one to three seconds. */
    private readonly slow = 0.3,
  ) {}

  start(): void {
    this.halt = repeat(() => this.round());
  }

  async stop(): Promise<void> {
    await this.halt();
  }

  private async round(): Promise<void> {
    await delay(100);
    const open = await this.hero.play_pending_resumes({}).catch(() => []);
    const late = this.late(open);
    const links = (await readdir(this.folder)).filter((file) => file.endsWith('.link') && !this.used.has(file));
    await Promise.all([
      ...open.filter((request) => this.isWilling(request)).map((request) => this.answer(request)),
      ...late.map((request) => this.give(request, true)),
      ...links.filter(() => this.random() < 0.2).map((file) => this.follow(file)),
    ]);
  }

  /** Some questions wait long enough that their plays have no process any more. */
  private isWilling({ id }: shapes.ResumeRequest): boolean {
    const after = this.patience.get(id) ?? Date.now() + (this.random() < this.slow ? 1_000 + this.random() * 2_000 : 0);
    this.patience.set(id, after);
    return Date.now() >= after && this.random() < 0.4;
  }

  /** Questions to answer too late: those that are no longer open, and one that was already answered. */
  private late(open: readonly shapes.ResumeRequest[]): shapes.ResumeRequest[] {
    const ids = new Set(open.map(({ id }) => id));
    const gone = [...this.open.values()].filter(({ id }) => !ids.has(id));
    for (const { id } of gone) this.open.delete(id);
    for (const request of open) if (!request.name.startsWith('decide:')) this.open.set(request.id, request);
    const again = this.answered.length > 0 && this.random() < 0.3 ? [pick(this.random, this.answered)] : [];
    return [...gone, ...again];
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
    this.open.delete(request.id);
    this.patience.delete(request.id);
    this.answered.push(request);
    this.answered.splice(0, this.answered.length - REMEMBERED);
    const times = this.random() < 0.3 ? 2 : 1;
    await Promise.all(Array.from({ length: times }, () => this.give(request)));
  }

  /** Answers by id or name; only by id if the question may already be answered, because an answer by name would be kept for the next one. */
  private give({ play_sid, id, name }: shapes.ResumeRequest, byId = this.random() < 0.5): Promise<void> {
    const target = byId ? { resume_id: id } : { name };
    return this.say(name, async (payload) => {
      try {
        await this.hero.play_resume({ play_sid, ...target, payload });
        return 'accepted';
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        return REFUSALS.includes(code) ? 'refused' : 'unknown';
      }
    });
  }

  /** Answers by a link, which is valid once. */
  private async follow(file: string): Promise<void> {
    this.used.add(file);
    const path = await readFile(join(this.folder, file), 'utf8');
    await this.say(file.slice(0, -'.link'.length), async (payload) => {
      const status = await postTo(this.socket, path, JSON.stringify(payload)).then(
        (reply) => reply.status,
        () => 0,
      );
      if (status === 200) return 'accepted';
      return status >= 400 && status < 500 ? 'refused' : 'unknown';
    });
  }

  private async say(
    name: string,
    tell: (payload: shapes.Json) => Promise<'accepted' | 'refused' | 'unknown'>,
  ): Promise<void> {
    const payload = { n: this.random() };
    const given = this.given.get(name) ?? { accepted: [], possible: [] };
    this.given.set(name, given);
    const heard = await tell(payload);
    if (heard === 'unknown') given.possible.push(payload);
    if (heard !== 'accepted') return;
    given.accepted.push(payload);
    this.answers++;
  }
}
