/**
 * play_ask: records the new waits of a running play, and returns the answers that arrived meanwhile (decision 14).
 *
 * 1. An ask is the next group of the epoch, under the same fence as a step commit (I2); a repeated ask returns the same answers.
 * 2. The play continues: it is not suspended, and its own time limit runs.
 * 3. A group that records and returns nothing new is no progress, so that a play that repeatedly asks the same and dies becomes
 *    poison.
 */
import { messageOf, type Params, type playAsk, type Result } from '@hero/contracts';
import { isDataError, type Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { Change } from '../outbox/changes.js';
import { storable } from '../life/endings.js';
import { MoveStore } from '../life/move-store.js';
import { Relay } from '../outbox/relay.js';
import { RunStore } from '../runs/run-store.js';
import { firstDue, Questions } from './questions.js';
import { Timers } from './timers.js';

type Ask = Params<typeof playAsk>;
type Asked = Result<typeof playAsk>;

@Injectable()
export class Asks {
  constructor(
    private readonly runs: RunStore,
    private readonly questions: Questions,
    private readonly moves: MoveStore,
    private readonly relay: Relay,
    private readonly timers: Timers,
  ) {}

  async ask(p: Ask): Promise<Asked> {
    await failpoint('registry.ask.before');
    try {
      const { result, told, dueMs } = await this.runs.database.tx((sql) => this.commit(p, sql));
      await failpoint('registry.ask.after');
      if (told) this.relay.tell(told);
      if (dueMs !== undefined) this.timers.expect(dueMs);
      return result;
    } catch (error) {
      if (!isDataError(error)) throw error;
      return { ...just('refused'), message: `The waits of the play cannot be stored: ${messageOf(error)}.` };
    }
  }

  private async commit(p: Ask, sql: Sql): Promise<{ result: Asked; told?: Change; dueMs?: number }> {
    const { play_sid, group, cost_usd, diverged } = p;
    const held = await this.runs.hold(p, sql);
    const again = held?.group_no === group;
    if (!held || held.suspended || !(again || group === held.group_no + 1)) return { result: just('fenced') };
    const found = await this.questions.record(p, held, sql);
    if (found.failure) {
      const error = storable(found.failure);
      return { result: just('ended'), told: await this.moves.move('failed', { play_sid, error, cost_usd }, sql) };
    }
    const handed =
      (again ? await this.questions.handedOver(p, found, sql) : undefined) ??
      (await this.questions.handOver(p, found, sql));
    const idle = !again && found.fresh.size === 0 && handed.answers.length === 0;
    const advance = { group, cost_usd: again ? 0 : cost_usd, idle, diverged, events: null };
    await this.runs.advance(play_sid, { ...advance, suspended: false, wake: false, still: false }, sql);
    const resume_ids = found.open.flatMap(({ id, kind }) => (kind === 'question' && found.fresh.has(id) ? [id] : []));
    // Clients that list open questions must read them again.
    const told =
      found.told.length + resume_ids.length > 0 ? await this.moves.tell(play_sid, found.told, sql) : undefined;
    return { result: { result: 'answered', ...handed, resume_ids }, told, dueMs: firstDue(found) };
  }
}

const just = (result: Asked['result']): Asked => ({ result, answers: [], more: false, resume_ids: [] });
