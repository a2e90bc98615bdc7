import type { Play, PlayEvent, ResumeRequest, Span } from '@hero/contracts';
import { isFinal } from '@hero/contracts/play-status';
import { answerAlone, askPerson } from './ask.js';
import { type Hero, isHeroError } from './client.js';
import { LiveView } from './live-view.js';
import { duration, plain } from './tree-lines.js';

/** Largest number of spawned plays that are followed at the same time; of further ones only the waiting span is shown. */
const CHILDREN_AT_ONCE = 32;

export interface FollowOptions {
  /** Whether to ask questions on this terminal, instead of answering them with the form's default after the process has exited. */
  answers: 'ask' | 'default' | 'none';
  say: (line: string) => void;
}

/**
 * Draws the live tree of a play and of the plays that it spawned until it is final, answering their questions on the way.
 * Returns the play as it ended.
 */
export async function followPlay(hero: Hero, playSid: string, options: FollowOptions): Promise<Play> {
  const view = new LiveView(playSid);
  const follower = new Follower(hero, view, options);
  try {
    return await follower.follow(playSid);
  } catch (error) {
    throw follower.failure ?? error;
  } finally {
    await follower.stop();
    view.finish();
  }
}

class Follower {
  /** Why questions can no longer be answered here. */
  failure: unknown;
  private readonly answered = new Set<string>();
  private readonly children = new Map<string, Promise<unknown>>();
  private readonly stopping = new AbortController();
  private underWay = 0;
  /** Serialises questions: only one at a time is on the terminal. */
  private asking: Promise<void> = Promise.resolve();

  constructor(
    private readonly hero: Hero,
    private readonly view: LiveView,
    private readonly options: FollowOptions,
  ) {}

  async follow(sid: string): Promise<Play> {
    for await (const message of this.hero.follow(sid, { signal: this.stopping.signal })) {
      switch (message.kind) {
        case 'snapshot':
        case 'resync':
          this.view.load(sid, message);
          for (const span of message.spans) this.spawned(span);
          if (message.play.status === 'awaiting_resume') this.answerOpen(sid);
          break;
        case 'event':
          this.view.apply(sid, message.event);
          this.spawned(message.event);
          if (message.event.type === 'status' && message.event.status === 'awaiting_resume') this.answerOpen(sid);
          break;
        case 'end':
          return message.play;
      }
    }
    throw new Error(`the stream of play ${sid} ended before the play did`);
  }

  /** Children that the root waited for have ended with it; the others are not waited for. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.children.values(), this.asking]);
  }

  private spawned(of: Span | PlayEvent): void {
    const sid = 'child_play_sid' in of ? of.child_play_sid : undefined;
    if (sid === undefined || this.children.has(sid) || this.underWay >= CHILDREN_AT_ONCE) return;
    this.underWay += 1;
    const follow = this.follow(sid)
      // The tree of a child is optional: if it fails, the root is still followed.
      .catch(() => undefined)
      .finally(() => (this.underWay -= 1));
    this.children.set(sid, follow);
  }

  private answerOpen(sid: string): void {
    if (this.options.answers === 'none') return;
    this.asking = this.asking
      .then(() => this.answerAll(sid))
      .catch((error) => {
        this.failure ??= error;
        this.stopping.abort();
      });
  }

  private async answerAll(sid: string): Promise<void> {
    const play = await this.hero.play_status({ play_sid: sid });
    for (const request of play.pending_resumes) {
      if (request.ui === null || this.answered.has(request.id) || this.stopping.signal.aborted) continue;
      this.answered.add(request.id);
      await this.view.aside(() => this.answer(play, request));
    }
  }

  private async answer(play: Play, request: ResumeRequest): Promise<void> {
    const { answers, say } = this.options;
    const asking = answers === 'ask';
    const form = { name: request.name, ui: await this.hero.whole(play.sid, request.ui) };
    if (!asking) say(`waits for "${plain(request.name)}"; its process has gone (${play.status})`);
    const payload = asking ? await askPerson(form, this.stopping.signal) : answerAlone(form);
    try {
      await this.hero.play_resume({ play_sid: play.sid, resume_id: request.id, payload });
    } catch (error) {
      if (!isHeroError(error) || error.code !== 'ALREADY_RESUMED') throw error;
      return say(plain(error.message));
    }
    say(`answered "${plain(request.name)}" with ${plain(JSON.stringify(payload))}`);
  }
}

/** One line about the end of a play. */
export function ending(play: Play): string {
  const took = play.duration_ms === null ? '' : ` after ${duration(play.duration_ms)}`;
  const attempts = play.attempt === 1 ? 'one attempt' : `${play.attempt} attempts`;
  const why = play.error ? `: ${plain(play.error.type)}: ${plain(play.error.message)}` : '';
  const reason = play.diverged?.reason;
  const other = typeof reason === 'string' ? `; it went another way than before: ${plain(reason)}` : '';
  if (isFinal(play.status)) return `${play.workflow_name} ${play.status}${took}, ${attempts}${why}${other}`;
  const waits = play.waits.map(({ kind, name, child_play_sid, due_at }) =>
    kind === 'child' ? `for the play ${child_play_sid} of ${plain(name)}` : `until ${due_at}`,
  );
  return `${play.workflow_name} is ${play.status}${waits.length > 0 ? `, ${waits.join(', ')}` : ''}${other}`;
}
