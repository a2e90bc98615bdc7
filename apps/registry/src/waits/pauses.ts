/**
 * play_pause: records the waits of a play in which every open leaf waits, and suspends it.
 *
 * 1. A pause is the next group of the epoch, under the same fence as a step commit (I2); a repeated pause gets the same reply.
 * 2. All waits that were asked in this epoch count, by play_ask or here. Waits of earlier epochs that this epoch did not ask again
 *    are withdrawn, because no branch waits for them any more.
 * 3. Suspended means that the process must exit and no further write of this epoch is accepted. The play stays `running` until
 *    the process has ended (I11 counts from there); an answer that arrives before that sets `wake`, and the next claim takes it.
 * 4. A play lingers, which means that it waits without being suspended, if a child or a timer may end soon: its time limit is paused,
 *    and it may still commit. A parked play is suspended even if a wait is answered, and then becomes pending immediately.
 */
import { messageOf, type Params, type playPause, type Result } from '@hero/contracts';
import { isDataError, type Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { Change } from '../outbox/changes.js';
import { storable } from '../life/endings.js';
import { MoveStore } from '../life/move-store.js';
import { Relay } from '../outbox/relay.js';
import { RunStore } from '../runs/run-store.js';
import { type Found, firstDue, Questions } from './questions.js';
import { ResumeStore } from './resume-store.js';
import { Timers } from './timers.js';

type Pause = Params<typeof playPause>;
type PauseResult = Result<typeof playPause>;

@Injectable()
export class Pauses {
  constructor(
    private readonly runs: RunStore,
    private readonly questions: Questions,
    private readonly resumes: ResumeStore,
    private readonly moves: MoveStore,
    private readonly relay: Relay,
    private readonly timers: Timers,
  ) {}

  async pause(p: Pause): Promise<PauseResult> {
    await failpoint('registry.pause.before');
    try {
      const { result, told, dueMs } = await this.runs.database.tx((sql) => this.commit(p, sql));
      await failpoint('registry.pause.after');
      if (told) this.relay.tell(told);
      if (dueMs !== undefined) this.timers.expect(dueMs);
      return result;
    } catch (error) {
      if (!isDataError(error)) throw error;
      return { ...just('refused'), message: `The question cannot be stored: ${messageOf(error)}.` };
    }
  }

  private async commit(p: Pause, sql: Sql): Promise<{ result: PauseResult; told?: Change; dueMs?: number }> {
    const { play_sid, group, events, diverged } = p;
    const held = await this.runs.hold(p, sql);
    const again = held?.group_no === group;
    if (!held || (!again && (held.suspended || group !== held.group_no + 1))) return { result: just('fenced') };
    if (again && held.suspended) return { result: just('suspended') };
    const found = await this.questions.record(p, held, sql);
    if (found.failure) {
      const { cost_usd } = p;
      const told = await this.moves.move('failed', { play_sid, error: storable(found.failure), cost_usd, events }, sql);
      return { result: just('ended'), told };
    }
    if (!p.replay && isNothing(found)) {
      return { result: { ...just('refused'), message: 'A pause needs at least one question or other wait.' } };
    }
    const before = again ? await this.questions.handedOver(p, found, sql) : undefined;
    const result = before ? 'answered' : resultOf(p, found);
    // The first reply must have had an answer; if it had none, this is a different request under the same number.
    if (again && result === 'suspended') return { result: just('fenced') };
    const suspended = result === 'suspended';
    const handed = before ?? (result === 'answered' ? await this.questions.handOver(p, found, sql) : NOTHING);
    if (suspended && !p.replay) await this.resumes.withdrawOlder(play_sid, p.epoch, sql);
    const wake = suspended && (p.replay || found.answered.length > 0);
    const idle = !again && !suspended && found.fresh.size === 0 && handed.answers.length === 0;
    const remaining_ms = await this.runs.advance(
      play_sid,
      {
        group,
        cost_usd: again ? 0 : p.cost_usd,
        idle,
        suspended,
        wake,
        still: result !== 'answered',
        events,
        diverged,
      },
      sql,
    );
    const told = found.told.length > 0 ? await this.moves.tell(play_sid, found.told, sql) : undefined;
    const resume_ids = found.open.flatMap(({ id, kind }) => (kind === 'question' ? [id] : []));
    return { result: { result, ...handed, resume_ids, remaining_ms }, told, dueMs: firstDue(found) };
  }
}

const NOTHING = { answers: [], more: false };

const just = (result: PauseResult['result']): PauseResult => ({ result, ...NOTHING, resume_ids: [] });

const isNothing = ({ refused, before, answered, open }: Found): boolean =>
  refused.length + before.length + answered.length + open.length === 0;

/** Rules 3 and 4. */
function resultOf({ linger, park, replay }: Pause, found: Found): 'answered' | 'suspended' | 'waiting' {
  if (replay) return 'suspended';
  const answered = found.refused.length + found.before.length + found.answered.length > 0;
  if (answered && !park) return 'answered';
  return linger && !answered && found.open.some(({ soon }) => soon) ? 'waiting' : 'suspended';
}
