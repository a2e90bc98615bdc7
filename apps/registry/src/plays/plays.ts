/**
 * Plays as their readers see them, and what ends, reopens or deletes them from outside.
 *
 * 1. Cancel is one transaction from the play down through its spawned children: whoever holds a row when the cancel wants it
 *    goes first, everybody after it finds the play final and wakes nothing (I6).
 * 2. A final status stays (I7); only a retry reopens `failed` and `timed_out`.
 */
import {
  type EventsMark,
  FINAL_STATUSES,
  HeroError,
  isFinal,
  type JsonObject,
  type Params,
  type Play,
  PLAY_TRANSITIONS,
  type playCancel,
  type playDelete,
  type playList,
  type playRetry,
  type playStatus,
  RawJson,
  type Result,
  type registryStatus,
  type ResumeRequest,
  type spanOutputs,
  stringify,
} from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { Gone } from '../outbox/changes.js';
import { refuseUnstorable } from '@hero/json';
import { type Moved, MoveStore } from '../life/move-store.js';
import { type Locked, type PlayRow, PlayStore, type ResumeRow, type Standing } from './play-store.js';
import { Relay } from '../outbox/relay.js';
import { ROOT_PLACE, spanIdOf } from '../life/ids.js';
import { ReplyBudget } from './reply-budget.js';
import { RetryStore } from './retry-store.js';
import { storable } from '../life/endings.js';

/** Questions, waits and answers that a play shows, alone and in a list. */
const MOST_WAITS = 500;
const MOST_LISTED_WAITS = 20;
/** Of a list: with what stands around it less than 1 MiB. */
const PAGE_BYTES = 900 * 1024;

@Injectable()
export class Plays {
  constructor(
    private readonly store: PlayStore,
    private readonly moves: MoveStore,
    private readonly retries: RetryStore,
    private readonly relay: Relay,
  ) {}

  async get(sid: string): Promise<Play> {
    const [row, resumes] = await Promise.all([this.store.play(sid), this.store.resumes([sid], MOST_WAITS)]);
    if (!row) throw noPlay(sid);
    return playOf(row, resumes);
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

  async cancel({ play_sid, reason }: Params<typeof playCancel>): Promise<Play> {
    await failpoint('registry.cancel.before');
    const moved = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(play_sid, sql);
      if (!play) throw noPlay(play_sid);
      if (isFinal(play.status)) throw final(play, 'It cannot be cancelled any more');
      return this.cancelTree([play], reason, sql);
    });
    await failpoint('registry.cancel.after');
    this.tell(moved);
    return this.get(play_sid);
  }

  /** For the deletion of a workflow: cancels whatever of it is not final, with all children. To be told after the commit. */
  async cancelAllOf(workflowSid: string, reason: string, sql: Sql): Promise<Moved[]> {
    const moved: Moved[] = [];
    for (const sid of await this.store.sidsOf(workflowSid, 'active', sql)) {
      const play = await this.store.lock(sid, sql);
      if (play && !isFinal(play.status)) moved.push(...(await this.cancelTree([play], reason, sql)));
    }
    return moved;
  }

  /** Cancels what a play spawned and what still runs. */
  async cancelChildren(sid: string, reason: string): Promise<void> {
    const moved = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(sid, sql);
      if (!play || !isFinal(play.status)) return [];
      return this.cancelTree(await this.store.lockChildren([sid], sql), reason, sql);
    });
    this.tell(moved);
  }

  async retry({ play_sid }: Params<typeof playRetry>): Promise<Play> {
    await failpoint('registry.retry.before');
    const moved = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(play_sid, sql);
      if (!play) throw noPlay(play_sid);
      // The one way back from a final status (I7).
      const reopened = isFinal(play.status) && PLAY_TRANSITIONS[play.status].includes('pending');
      if (!reopened) throw final(play, 'Only a failed or timed out play can be retried');
      return this.reopen(play, sql);
    });
    this.relay.tell(...moved);
    return this.get(play_sid);
  }

  /** Reopens a play, and downwards the failed children that its end came through; all of them are locked from the top. */
  private async reopen(play: Locked, sql: Sql): Promise<Moved[]> {
    const { play_sid } = play;
    const failedAt = play.failed_at ?? [];
    const moved: Moved[] = [];
    const failed = await this.retries.failedChildren(play_sid, failedAt, sql);
    await this.retries.dropErrors(play_sid, failedAt, sql);
    for (const { id, child_play_sid } of failed) {
      const child = await this.store.lock(child_play_sid, sql);
      if (child && PLAY_TRANSITIONS[child.status].includes('pending') && isFinal(child.status)) {
        await this.retries.waitAgain(id, sql);
        moved.push(...(await this.reopen(child, sql)));
      } else if (child?.status === 'cancelled') await this.retries.forget(id, sql);
    }
    const own = await this.moves.move('pending', { play_sid, afresh: true }, sql);
    return own ? [...moved, own] : moved;
  }

  async remove({ play_sid }: Params<typeof playDelete>): Promise<Result<typeof playDelete>> {
    const change = await this.store.database.tx(async (sql) => {
      const play = await this.store.lock(play_sid, sql);
      if (!play) throw noPlay(play_sid);
      if (!isFinal(play.status))
        throw final(play, `Only a final play can be deleted (${FINAL_STATUSES.join(', ')}); cancel it first`);
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

  /** Level by level, so that no row is waited for while one below it is held. */
  private async cancelTree(roots: Locked[], reason: string, sql: Sql): Promise<Moved[]> {
    const moved: Moved[] = [];
    const error = reason ? storable({ type: 'Cancelled', message: reason, traceback: '', span_id: null }) : null;
    for (
      let level = roots;
      level.length > 0;
      level = await this.store.lockChildren(
        level.map((play) => play.play_sid),
        sql,
      )
    ) {
      for (const { play_sid } of level) {
        const cancelled = await this.moves.move('cancelled', { play_sid, error }, sql);
        if (cancelled) moved.push(cancelled);
      }
    }
    return moved;
  }

  /** Announces what was cancelled, and tells the executors that run it. */
  tell(moved: readonly Moved[]): void {
    this.relay.tell(...moved);
    const gone = moved.flatMap(({ owner, play_sid, epoch }): Gone[] =>
      owner === null ? [] : [{ owner, play_sid, epoch }],
    );
    this.relay.notify({ gone });
  }
}

/** The page ends before it gets too large; a play is alone on its page where it is large itself. */
function pageOf(rows: (PlayRow & { more: boolean })[], resumes: ResumeRow[]): Result<typeof playList> {
  const items: Play[] = [];
  let bytes = 0;
  let next: string | null = null;
  for (const { more, ...row } of rows) {
    const item = stringify(playOf(row, resumes));
    bytes += Buffer.byteLength(item);
    if (items.length > 0 && bytes > PAGE_BYTES) break;
    items.push(new RawJson(item) as unknown as Play);
    next = more || items.length < rows.length ? Buffer.from(`p${row.sid}`).toString('base64url') : null;
  }
  return { items, next_cursor: next };
}

function playOf(row: PlayRow, resumes: ResumeRow[]): Play {
  const budget = new ReplyBudget();
  const own = resumes.filter(({ play_sid }) => play_sid === row.sid);
  const open = isFinal(row.status) ? [] : own.filter(({ resumed_at, withdrawn }) => resumed_at === null && !withdrawn);
  const received = own.filter(({ kind, outcome }) => kind === 'question' && outcome === 'answer');
  return {
    ...row,
    input_data: budget.value(row.input_data, 'input') as JsonObject,
    output_data: budget.value(row.output_data, 'output'),
    pending_resumes: open.filter(({ kind }) => kind === 'question').map((resume) => requestOf(resume, budget)),
    received_resumes: Object.fromEntries(
      received.map(({ id, payload }) => [id, budget.value(payload, `answer.${id}`)]),
    ),
    waits: open.flatMap(({ kind, name, asked_at_span_id, child_play_sid, expires_at }) =>
      kind === 'question' ? [] : [{ kind, name, span_id: asked_at_span_id, child_play_sid, due_at: expires_at }],
    ),
  };
}

/** A timeout without a default has an error in place of an answer, which is the play's memory and nobody's payload. */
export function requestOf(row: ResumeRow, budget: ReplyBudget): ResumeRequest {
  const { id, play_sid, name, asked_at_span_id, asked_at, expires_at, resumed_at, resumed_by } = row;
  const schema = budget.value(row.schema, `schema.${id}`) as JsonObject | null;
  const ui = budget.value(row.ui, `ui.${id}`) as JsonObject | null;
  const payload = row.outcome === 'error' ? null : budget.value(row.payload, `answer.${id}`);
  return { id, play_sid, name, schema, ui, asked_at_span_id, asked_at, expires_at, payload, resumed_at, resumed_by };
}

export const noPlay = (sid: string): HeroError =>
  new HeroError('NOT_FOUND', `There is no play ${sid}; play_list shows what there is.`);

const final = ({ play_sid, status }: Locked, then: string): HeroError =>
  new HeroError('INVALID_STATE', `Play ${play_sid} is ${status}. ${then}.`, { details: { status } });

function timeOf(path: string, time: string | undefined): string | undefined {
  if (time === undefined || !Number.isNaN(Date.parse(time))) return time && new Date(time).toISOString();
  throw new HeroError('INVALID_PARAMS', 'Not a time; see issues.', {
    issues: [{ path, message: 'write it as 2026-11-21T09:30:00.000Z' }],
  });
}

function sidOf(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (/^p[\w-]{1,64}$/.test(text)) return text.slice(1);
  throw new HeroError('INVALID_PARAMS', 'Unknown cursor: it is not from this list; start again without it.', {
    issues: [{ path: 'cursor', message: 'pass next_cursor of the previous page, unchanged' }],
  });
}
