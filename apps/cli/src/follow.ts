import { isFinal, type Play, type ResumeRequest } from '@hero/contracts';
import { answerAlone, askPerson } from './ask.js';
import type { Hero } from './client.js';
import { LiveView } from './live-view.js';
import { duration, plain } from './tree-lines.js';

export interface FollowOptions {
  /** Ask a person's questions on this terminal; else answer them with the form's default once the process has gone. */
  answers: 'ask' | 'default' | 'none';
  say: (line: string) => void;
}

/** Draws the live tree of a play until it is final, answering its questions on the way. Returns the play as it ended. */
export async function followPlay(hero: Hero, playSid: string, { answers, say }: FollowOptions): Promise<Play> {
  const view = new LiveView(playSid);
  const answered = new Set<string>();
  for await (const message of hero.follow(playSid)) {
    switch (message.kind) {
      case 'snapshot':
      case 'resync':
        view.load(message.spans, message.seq);
        if (message.play.status === 'awaiting_resume') await answerOpen();
        break;
      case 'event':
        view.apply(message.event);
        if (message.event.type === 'status' && message.event.status === 'awaiting_resume') await answerOpen();
        break;
      case 'end':
        view.finish();
        return message.play;
    }
  }
  throw new Error(`the stream of play ${playSid} ended before the play did`);

  async function answerOpen(): Promise<void> {
    if (answers === 'none') return;
    const play = await hero.play_status({ play_sid: playSid });
    for (const request of play.pending_resumes) {
      if (request.ui === null || answered.has(request.id)) continue;
      answered.add(request.id);
      await answer(play, request);
    }
  }

  async function answer(play: Play, request: ResumeRequest): Promise<void> {
    view.clear();
    const asking = answers === 'ask';
    if (!asking) say(`waits for "${plain(request.name)}"; its process has gone (${play.status})`);
    const payload = asking ? await askPerson(request) : answerAlone(request);
    await hero.play_resume({ play_sid: playSid, resume_id: request.id, payload });
    say(`answered "${plain(request.name)}" with ${plain(JSON.stringify(payload))}`);
  }
}

/** One line of how a play ended. */
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
