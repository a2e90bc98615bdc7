/**
 * One attempt of a play, from the executor's claim to the report that its process has ended.
 *
 * 1. A claim is one compare-and-swap; who comes too late gets null and forgets the message (I8).
 * 2. Every write is fenced by sid, epoch, owner and `running` (I2). The end and the exit repeated after a lost reply are
 *    answered as before.
 * 3. When a process ends after a committed pause, its play becomes `awaiting_resume`, or `pending` if an answer arrived
 *    in between. A suspended play that is released or taken over does the same, and no crash is counted.
 */
import {
  type GroupResult,
  HeroError,
  type JsonObject,
  type MemoryPage,
  messageOf,
  MIB,
  type Params,
  type playClaim,
  type playEnd,
  type playExit,
  type playMemory,
  type playPrepare,
  type playRelease,
  type Result,
} from '@hero/contracts';
import { isDataError, isTransient, type Sql } from '@hero/persistence';
import { failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { endingOf, storable } from '../life/endings.js';
import { payloadFault } from '@hero/json';
import { FIRST_PAGE, Memory } from './memory.js';
import { type Fence, type Move, type Moved, MoveStore } from '../life/move-store.js';
import { Relay } from '../outbox/relay.js';
import { type Claimed, type HeldPlay, RunStore } from './run-store.js';
import type { VersionRecord } from '../workflows/workflow-store.js';
import { Versions } from '../workflows/versions.js';

const UNSTARTED_LIMIT = 5;
const LARGE = MIB;

@Injectable()
export class Runs {
  constructor(
    private readonly store: RunStore,
    private readonly moves: MoveStore,
    private readonly memory: Memory,
    private readonly versions: Versions,
    private readonly relay: Relay,
  ) {}

  async claim(p: Params<typeof playClaim>): Promise<Result<typeof playClaim>> {
    await failpoint('registry.claim.before');
    const claimed = await this.store.claim(p.owner, p.play_sid, p.run_seq, p.sandbox);
    if (!claimed) return { run: null };
    await failpoint('registry.claim.after');
    this.relay.tell(claimed);
    const { play_sid, epoch, attempt, version_sid, workflow_name, remaining_ms, parent_span_id, input } = claimed;
    const found = await this.read(claimed).catch((error: unknown) => this.giveBack(p.owner, claimed, error));
    if (!found) return { run: null };
    const { source, entry, options, requirements } = found.version;
    const { memory } = found;
    return {
      run: {
        play_sid,
        epoch,
        attempt,
        version_sid,
        workflow_name,
        source,
        entry,
        options,
        requirements,
        input,
        remaining_ms,
        parent_span_id,
        grants: grantsOf(options),
        memory,
      },
    };
  }

  private async read(claimed: Claimed): Promise<{ version: VersionRecord; memory: MemoryPage }> {
    const [version, memory] = await Promise.all([this.versions.get(claimed.version_sid), this.remembered(claimed)]);
    return { version, memory };
  }

  /** The claim is committed, and what it needs cannot be read. An outage is waited for; anything else counts as a start that failed. */
  private async giveBack(owner: string, { play_sid, epoch }: Claimed, error: unknown): Promise<undefined> {
    if (isTransient(error)) throw error;
    const message = `What the play needs to run could not be read: ${messageOf(error)}.`;
    await this.exit({
      owner,
      play_sid,
      epoch,
      cause: { kind: 'not_started', code: null, signal: null, message },
      events: null,
    });
    return undefined;
  }

  /** What comes with the claim: nothing for a play that never ran; a large input and a large page would not be one reply. */
  private remembered({ epoch, forked, input, play_sid }: Claimed): Promise<MemoryPage> | MemoryPage {
    if (epoch === 1 && !forked) return { items: [], next: null };
    return input.length > LARGE ? { items: [], next: FIRST_PAGE } : this.memory.page(play_sid, epoch, FIRST_PAGE);
  }

  /** A play whose packages are being installed does not run: its time limit stands still. */
  async prepare({ preparing, ...fence }: Params<typeof playPrepare>): Promise<Result<typeof playPrepare>> {
    const held = await this.store.prepare(fence, preparing);
    return { held: held !== undefined, remaining_ms: held?.remaining_ms ?? null };
  }

  async page({ owner, play_sid, epoch, next }: Params<typeof playMemory>): Promise<MemoryPage> {
    if ((await this.store.statusOf({ owner, play_sid, epoch })) !== 'running') {
      throw new HeroError(
        'INVALID_STATE',
        `Play ${play_sid} is no longer owned by this executor in epoch ${epoch}; end its process.`,
      );
    }
    return this.memory.page(play_sid, epoch, next);
  }

  async end(p: Params<typeof playEnd>): Promise<GroupResult> {
    await failpoint('registry.end.before');
    const fence: Fence = { owner: p.owner, play_sid: p.play_sid, epoch: p.epoch };
    const fault = p.output === null ? undefined : payloadFault(p.output, 'output');
    if (fault !== undefined) return { result: 'refused', message: fault };
    const { play_sid, output, failed_at, diverged, cost_usd, events } = p;
    const error = p.error && storable(p.error);
    let ended: Moved | undefined;
    try {
      ended = await this.moves.move(p.status, {
        play_sid,
        fence,
        output,
        error,
        failed_at,
        diverged,
        cost_usd,
        events,
      });
    } catch (cause) {
      if (!isDataError(cause)) throw cause;
      return { result: 'refused', message: `The output cannot be stored: ${messageOf(cause)}.` };
    }
    if (!ended) return { result: (await this.store.statusOf(fence)) === p.status ? 'done' : 'fenced' };
    await failpoint('registry.end.after');
    this.relay.tell(ended);
    return { result: 'done' };
  }

  async exit(p: Params<typeof playExit>): Promise<Result<typeof playExit>> {
    const fence: Fence = { owner: p.owner, play_sid: p.play_sid, epoch: p.epoch };
    const { play_sid, cause, events } = p;
    const moved = await this.store.database.tx(async (sql) => {
      const held = await this.store.hold(fence, sql);
      if (!held) return undefined;
      if (held.suspended) return this.leave(held, { play_sid, events }, sql);
      if (cause.kind === 'not_started' && held.unstarted + 1 < UNSTARTED_LIMIT) {
        const unstarted = held.unstarted + 1;
        return this.moves.move('pending', { play_sid, unstarted, delayMs: 100 * 2 ** unstarted }, sql);
      }
      const { status, error } = endingOf(cause);
      return this.moves.move(status, { play_sid, error: storable(error), events }, sql);
    });
    if (moved) this.relay.tell(moved);
    return { status: moved?.status ?? (await this.store.statusOf(fence)) };
  }

  async release({ owner, plays }: Params<typeof playRelease>): Promise<Result<typeof playRelease>> {
    let released = 0;
    for (const { play_sid, epoch } of plays) if (await this.releaseOne({ owner, play_sid, epoch })) released++;
    return { released };
  }

  /** Gives one claim back, uncounted. */
  async releaseOne(fence: Fence): Promise<boolean> {
    const { play_sid } = fence;
    const moved = await this.store.database.tx(async (sql) => {
      const held = await this.store.hold(fence, sql);
      if (!held) return undefined;
      return held.suspended ? this.leave(held, { play_sid }, sql) : this.moves.move('pending', { play_sid }, sql);
    });
    if (moved) this.relay.tell(moved);
    return moved !== undefined;
  }

  /** The process of a committed pause has ended: rule 3. */
  leave(held: HeldPlay, move: Move, sql: Sql): Promise<Moved | undefined> {
    return this.moves.move(held.wake ? 'pending' : 'awaiting_resume', move, sql);
  }
}

function grantsOf({ grants }: JsonObject): string[] {
  return Array.isArray(grants) ? grants.filter((grant) => typeof grant === 'string') : [];
}
