/**
 * Which executors are alive, and what becomes of the plays of those that are not.
 *
 * 1. The lease decides when to take over, never whether a write is safe: that is the fence's business (I2).
 * 2. No lease is judged for one period after this registry started, after its database or NATS came back, or after it was
 *    itself stopped for a while: executors could not renew then. Outages count nothing.
 * 3. A takeover is a crash; five in a row without a committed group are poison. Progress in between makes it the first again.
 *    A play that was told to go has not crashed.
 * 4. A claim that its executor does not know of (its reply was lost) is released after 3 s, uncounted.
 * 5. The play's own time limit holds also while nobody reports it.
 */
import { Bus } from '@hero/bus';
import type { executorLease, Params, Result } from '@hero/contracts';
import { every, failpoint, type Log, type Timer } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { poison, timeLimit } from '../life/endings.js';
import { LeaseStore } from './lease-store.js';
import { type Fence, type Moved, MoveStore } from '../life/move-store.js';
import { Relay } from '../outbox/relay.js';
import { RunStore } from './run-store.js';
import { Runs } from './runs.js';

export const LEASE_MS = 5_000;
export const CRASH_LIMIT = 5;
const LOOK_MS = 500;
const BATCH = 100;
const FORGET_EVERY = 600;

@Injectable()
export class Leases {
  private timer?: Timer;
  private log?: Log;
  /** Rule 2: until then nothing is judged; the monotonic clock. */
  private quietUntil = performance.now() + LEASE_MS;
  private looked = performance.now();
  private looks = 0;

  constructor(
    private readonly store: LeaseStore,
    private readonly runStore: RunStore,
    private readonly runs: Runs,
    private readonly moves: MoveStore,
    private readonly relay: Relay,
    private readonly bus: Bus,
  ) {}

  start(log: Log): void {
    this.log = log;
    this.keepQuiet();
    this.bus.onReconnect(() => this.keepQuiet());
    this.timer = every(LOOK_MS, () => this.look(), { log, name: 'leases' });
  }

  async stop(): Promise<void> {
    await this.timer?.stop();
  }

  async renew({ plays, ...executor }: Params<typeof executorLease>): Promise<Result<typeof executorLease>> {
    const { gone, lost } = await this.store.renew(executor, plays);
    for (const { play_sid, epoch } of lost) {
      if (await this.runs.releaseOne({ owner: executor.instance, play_sid, epoch })) {
        this.log?.info(
          { play_sid, epoch, executor: executor.instance },
          'claim released that its executor does not know',
        );
      }
    }
    return { lease_ms: LEASE_MS, gone };
  }

  /** One look at leases and time limits. */
  async look(): Promise<void> {
    // A look that comes late was itself stopped, or waited for a database that did not answer.
    if (performance.now() - this.looked > LOOK_MS + LEASE_MS / 2) this.keepQuiet();
    if (!this.bus.connected) this.keepQuiet();
    try {
      await this.endOverdue();
      if (performance.now() >= this.quietUntil) await this.takeOverAll();
      if (++this.looks % FORGET_EVERY === 0) await this.store.forget();
      this.looked = performance.now();
    } catch (error) {
      this.keepQuiet();
      throw error;
    }
  }

  private keepQuiet(): void {
    this.quietUntil = performance.now() + LEASE_MS;
    this.looked = performance.now();
  }

  async takeOverAll(): Promise<void> {
    for (const fence of await this.store.orphans(LEASE_MS, BATCH)) {
      const moved = await this.takeOver(fence);
      if (moved)
        this.log?.warn({ play_sid: fence.play_sid, executor: fence.owner, status: moved.status }, 'play taken over');
    }
  }

  /** Rule 3; the fence holds its epoch, so that a claim that ended meanwhile is left alone. */
  async takeOver(fence: Fence): Promise<Moved | undefined> {
    const { play_sid } = fence;
    await failpoint('registry.takeover.before');
    const moved = await this.runStore.database.tx(async (sql) => {
      const held = await this.runStore.hold(fence, sql);
      if (!held) return undefined;
      if (held.suspended) return this.runs.leave(held, { play_sid }, sql);
      const crashes = held.group_no > held.idle_groups ? 1 : held.crashes + 1;
      if (crashes >= CRASH_LIMIT)
        return this.moves.move('failed', { play_sid, crashes, error: poison(crashes).error }, sql);
      return this.moves.move('pending', { play_sid, crashes }, sql);
    });
    await failpoint('registry.takeover.after');
    if (moved) this.tell(moved, fence);
    return moved;
  }

  /** Rule 5: a live executor says so itself, a second earlier. */
  private async endOverdue(): Promise<void> {
    for (const fence of await this.runStore.overdue(BATCH)) {
      const { status, error } = timeLimit();
      const moved = await this.moves.move(status, { play_sid: fence.play_sid, fence, error });
      if (moved) this.tell(moved, fence);
    }
  }

  private tell(moved: Moved, fence: Fence): void {
    this.relay.tell(moved);
    this.relay.nudge({ gone: [fence] });
  }
}
