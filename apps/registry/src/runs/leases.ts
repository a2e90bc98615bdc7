/**
 * Which executors are alive, and what becomes of the plays of those that are not.
 *
 * 1. The lease decides when to take over, never whether a write is safe: that is the fence's business (I2).
 * 2. Time is this process's own, monotonic (silence.ts): no wall clock is read, of this machine or of the database. No lease is judged
 *    for one period after this registry started, after its database or NATS came back, or after it was itself stopped for a while:
 *    executors could not renew then. Outages count nothing.
 * 3. A takeover is a crash; five in a row without a committed group are poison. Progress in between makes it the first again.
 *    A suspended play has not crashed.
 * 4. A claim that its executor does not know of (its reply was lost) is released when its renewals have left it out for 3 s, uncounted.
 * 5. The play's own time limit holds also while nobody reports it. A live executor measures it by its own monotonic clock and reports it
 *    long before the registry looks.
 */
import { Bus } from '@hero/bus';
import type { executorLease, Params, Result } from '@hero/contracts';
import { every, failpoint, type Log, type Timer } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { poison, timeLimit } from '../life/endings.js';
import { type Held, LeaseStore } from './lease-store.js';
import { type Fence, type Moved, MoveStore } from '../life/move-store.js';
import { Relay } from '../outbox/relay.js';
import { RunStore } from './run-store.js';
import { Runs } from './runs.js';
import { Silence } from './silence.js';

const LEASE_MS = 5_000;
const CRASH_LIMIT = 5;
const LOOK_MS = 500;
const BATCH = 100;
const FORGET_EVERY = 600;
/** Rule 5 holds half a minute after the limit: this often is often enough. */
const OVERDUE_EVERY = 4;
/** A claim's reply may be on its way for so long. */
const UNKNOWN_MS = 3_000;

@Injectable()
export class Leases {
  private timer?: Timer;
  private log?: Log;
  private readonly silence = new Silence();
  /** Rule 4: since when renewals have left a claim out. */
  private readonly unknown = new Map<string, number>();
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
    const { gone, unknown } = await this.store.renew(executor, plays);
    for (const { play_sid, epoch } of this.lost(executor.instance, unknown)) {
      if (await this.runs.releaseOne({ owner: executor.instance, play_sid, epoch })) {
        this.log?.info(
          { play_sid, epoch, executor: executor.instance },
          'claim released that its executor does not know',
        );
      }
    }
    return { lease_ms: LEASE_MS, gone };
  }

  /** Rule 4. */
  private lost(owner: string, unknown: Held[]): Held[] {
    const now = performance.now();
    const keyOf = ({ play_sid, epoch }: Held): string => `${owner} ${play_sid} ${epoch}`;
    const keys = new Set(unknown.map(keyOf));
    for (const key of this.unknown.keys()) {
      if (key.startsWith(`${owner} `) && !keys.has(key)) this.unknown.delete(key);
    }
    return unknown.filter((claim) => {
      const since = this.unknown.get(keyOf(claim)) ?? now;
      this.unknown.set(keyOf(claim), since);
      return now - since >= UNKNOWN_MS;
    });
  }

  /** One look at leases and time limits. */
  async look(): Promise<void> {
    // A look that comes late was itself stopped, or waited for a database that did not answer.
    if (performance.now() - this.looked > LOOK_MS + LEASE_MS / 2) this.keepQuiet();
    if (!this.bus.connected) this.keepQuiet();
    try {
      if (this.looks++ % OVERDUE_EVERY === 0) await this.endOverdue();
      await this.takeOverAll();
      if (this.looks % FORGET_EVERY === 0) await this.store.forget();
      this.looked = performance.now();
    } catch (error) {
      this.keepQuiet();
      throw error;
    }
  }

  /** Rule 2. */
  private keepQuiet(): void {
    this.looked = performance.now();
    this.silence.forget();
  }

  private async takeOverAll(): Promise<void> {
    const silent = this.silence.of(await this.store.signs(), LEASE_MS);
    if (silent.length === 0) return;
    for (const fence of await this.store.claimsOf(silent, BATCH)) {
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
    this.relay.notify({ gone: [fence] });
  }
}
