/** Reads and deletes plays. */
import {
  type EventsMark,
  FINAL_STATUSES,
  HeroError,
  isFinal,
  type Params,
  type Play,
  type playDelete,
  type playList,
  type playStatus,
  type Result,
  type registryStatus,
  type spanOutputs,
} from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { refuseUnstorable } from '@hero/json';
import { type Locked, PlayStore, type Standing } from './play-store.js';
import { Relay } from '../outbox/relay.js';
import { ROOT_PLACE, spanIdOf } from '../life/ids.js';
import { ReplyBudget } from './large-values.js';
import { PAGE_BYTES, pageOf, playOf } from './shown-plays.js';
import { sidOf } from '../sql/pages.js';

/** Number of questions, waits and answers in a reply, for one play and for a list. */
const MOST_WAITS = 500;
const MOST_LISTED_WAITS = 20;

@Injectable()
export class Plays {
  constructor(
    private readonly store: PlayStore,
    private readonly relay: Relay,
  ) {}

  async get(sid: string): Promise<Play> {
    const found = await this.store.play(sid);
    if (!found) throw noPlay(sid);
    const { waited, ...row } = found;
    return playOf(row, waited ? await this.store.resumes([sid], MOST_WAITS) : []);
  }

  async standing(sid: string): Promise<Standing> {
    const standing = await this.store.standing(sid);
    if (!standing) throw noPlay(sid);
    return standing;
  }

  async status({ play_sid, include }: Params<typeof playStatus>): Promise<Play> {
    const play = await this.get(play_sid);
    if (!include.includes('step_outputs')) return play;
    const budget = new ReplyBudget();
    const step_outputs = (await this.store.stepOutputs(play_sid)).map((step) => ({
      ...step,
      output: budget.value(step.output, `step.${step.step_key}`),
    }));
    return { ...play, step_outputs };
  }

  async spanOutputs({ play_sid, span_ids }: Params<typeof spanOutputs>): Promise<Result<typeof spanOutputs>> {
    const rows = await this.store.spanOutputs(play_sid, span_ids, spanIdOf(play_sid, ROOT_PLACE));
    const budget = new ReplyBudget();
    const shown = rows.map(({ span_id, output }) => [span_id, budget.value(output, `span.${span_id}`)]);
    return { outputs: Object.fromEntries(shown) };
  }

  async list(p: Params<typeof playList>): Promise<Result<typeof playList>> {
    refuseUnstorable({ input: p.input });
    const { status, text, input, since, until, limit, cursor, ...same } = p;
    const rows = await this.store.list(
      {
        ...same,
        statuses: status === undefined ? undefined : [status].flat(),
        text: text && `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`,
        input: input && JSON.stringify(input),
        since: timeOf('since', since),
        until: timeOf('until', until),
        below: cursor && sidOf(cursor),
      },
      limit,
      PAGE_BYTES,
    );
    const sids = rows.map(({ sid }) => sid);
    return pageOf(rows, sids.length > 0 ? await this.store.resumes(sids, MOST_LISTED_WAITS) : []);
  }

  async remove({ play_sid }: Params<typeof playDelete>): Promise<Result<typeof playDelete>> {
    const change = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(play_sid, sql);
      if (!play) throw noPlay(play_sid);
      if (!isFinal(play.status))
        throw wrongState(play, `Only a final play can be deleted (${FINAL_STATUSES.join(', ')}); cancel it first`);
      return this.store.remove(play_sid, sql);
    });
    if (change) this.relay.tell(change);
    return { ok: true };
  }

  async eventsMark(playSid: string): Promise<{ mark: EventsMark | null }> {
    const found = await this.store.mark(playSid);
    if (!found) throw noPlay(playSid);
    return { mark: isFinal(found.status) ? found.mark : null };
  }

  async registryStatus(): Promise<Result<typeof registryStatus>> {
    const { version, ...queue } = await this.store.queue();
    return { postgres_version: version, queue };
  }
}

export const noPlay = (sid: string): HeroError =>
  new HeroError('NOT_FOUND', `There is no play ${sid}; play_list shows the existing ones.`);

export const wrongState = ({ play_sid, status }: Locked, then: string): HeroError =>
  new HeroError('INVALID_STATE', `Play ${play_sid} is ${status}. ${then}.`, { details: { status } });

function timeOf(path: string, time: string | undefined): string | undefined {
  if (time === undefined || !Number.isNaN(Date.parse(time))) return time && new Date(time).toISOString();
  throw new HeroError('INVALID_PARAMS', 'Not a time; see issues.', {
    issues: [{ path, message: 'write it as 2026-11-21T09:30:00.000Z' }],
  });
}
