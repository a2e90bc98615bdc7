/**
 * The processes of plays: *armed* ahead of need where the sandbox allows it, forked for the play otherwise.
 *
 * An armed child is closed in, connected and rehearsed, and knows of no play. The executor binds it to a play when it sends
 * `start`; its folder then takes the play's name. A child is of one play and of one attempt, and never armed again.
 *
 * 1. Children are armed one at a time, and not while a play waits for a process of its own.
 * 2. There are at most as many as slots, and at most an eighth of the free memory is given to them; those that nobody needs for
 *    long are ended.
 * 3. An armed child that ends (killed, its lease over, its fork server replaced or dead) is forgotten: no play knew of it.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { freemem } from 'node:os';
import type { Log } from '@hero/bus';
import { MIB } from '@hero/contracts';
import { after } from '@hero/service-kit';
import type { Ending, Started } from './fork-server.js';
import type { ForkServers } from './fork-servers.js';
import type { Lane, Lanes, Taker } from './lanes.js';
import { PLAY_LIMITS } from './play-limits.js';
import type { Workdirs } from './workdirs.js';

/** What an armed child holds for itself, generously. */
const CHILD_BYTES = 16 * MIB;
const SHARE_OF_FREE_MEMORY = 1 / 8;
/** A child that was taken is replaced when its play has ended; beside a play that runs for longer, then. */
const ARM_BESIDE_AFTER_MS = 25;
const WAITING_AGAIN_AFTER_MS = 2;
/** After a child that ended while armed, or could not be armed. */
const ARM_AGAIN_AFTER_MS = 1_000;
const IDLE_MS = 5 * 60_000;
const LANES = 3;

export interface ChildrenOptions {
  most: number;
  /** Whether plays may be taken now. */
  wanted(): boolean;
}

/** The process of one attempt. */
export interface Child extends Started {
  readonly token: string;
  /** Once it has ended: its token is void, its folder removed. */
  clear(): Promise<void>;
}

/** Of all environments of an executor: a folder's name is never used twice. */
let armedCount = 0;

export class Children {
  private readonly armed = new Set<ArmedChild>();
  private arming?: ArmedChild;
  private waiting = 0;
  private timer?: Disposable;
  private armAt = Number.POSITIVE_INFINITY;
  private rest?: Disposable;
  private resting = false;
  private closed = false;

  constructor(
    private readonly forks: ForkServers,
    private readonly lanes: Lanes,
    private readonly workdirs: Workdirs,
    private readonly options: ChildrenOptions,
    private readonly log: Log,
  ) {
    forks.onReplaced = () => {
      this.discard();
      this.armSoon(0);
    };
    this.restLater();
  }

  /** The process for this attempt; its lanes are handed to `take`. */
  async start(play: { play_sid: string; epoch: number }, take: Taker, signal: AbortSignal): Promise<Child> {
    signal.throwIfAborted();
    this.resting = false;
    this.restLater();
    // Without a lease the fork server must see the order: it refuses.
    const [child] = this.options.wanted() ? this.armed : [];
    if (!child) return await this.fork(play, take, signal);
    this.armed.delete(child);
    try {
      child.bind(play, take);
    } catch (error) {
      child.kill();
      throw error;
    }
    this.forks.used();
    this.armSoon(ARM_BESIDE_AFTER_MS);
    void child.ended.then(() => this.armSoon(0));
    return child;
  }

  /** Arms children where they are missing: there is a lease. */
  refill(): void {
    this.armSoon(0);
  }

  close(): void {
    this.closed = true;
    this.timer?.[Symbol.dispose]();
    this.rest?.[Symbol.dispose]();
    this.discard();
  }

  private async fork({ play_sid, epoch }: { play_sid: string; epoch: number }, take: Taker, signal: AbortSignal) {
    const token = newToken();
    const workdir = this.workdirs.make(play_sid, epoch, this.forks.owner);
    let waits = true;
    this.waiting++;
    const arrived = (): void => {
      if (waits) this.waiting--;
      waits = false;
    };
    const forget = this.lanes.expect(token, (...lane) => {
      arrived();
      take(...lane);
    });
    const clear = async (): Promise<void> => {
      forget();
      await this.workdirs.remove(workdir);
    };
    try {
      const order = { sid: play_sid, kind: 'play' as const, token, workdir, limits: PLAY_LIMITS };
      const started = await this.forks.fork(order, signal);
      void started.ended.then(() => {
        arrived();
        this.armSoon(0);
      });
      return { token, kill: () => started.kill(), ended: started.ended, clear };
    } catch (error) {
      arrived();
      await clear();
      throw error;
    }
  }

  private armSoon(afterMs: number): void {
    const at = performance.now() + afterMs;
    if (at >= this.armAt || this.resting || this.closed) return;
    this.armAt = at;
    this.timer?.[Symbol.dispose]();
    this.timer = after(afterMs, () => {
      this.armAt = Number.POSITIVE_INFINITY;
      this.arm();
    });
  }

  private arm(): void {
    const room = Math.min(this.options.most, Math.floor((freemem() * SHARE_OF_FREE_MEMORY) / CHILD_BYTES));
    if (this.arming || this.armed.size >= room || !this.forks.arms || !this.options.wanted()) return;
    if (this.waiting > 0) return this.armSoon(WAITING_AGAIN_AFTER_MS);
    const child = new ArmedChild(++armedCount, this.forks, this.lanes, this.workdirs, () => {
      if (this.arming !== child) return; // it was discarded meanwhile
      this.arming = undefined;
      this.armed.add(child);
      this.armSoon(0);
    });
    this.arming = child;
    void child.ended.then((ending) => this.ended(child, ending));
  }

  /** Rule 3. */
  private ended(child: ArmedChild, ending: Ending): void {
    if (child.bound) return;
    const expected = ending.t === 'lost' || (ending.t === 'exit' && ending.why !== '') || this.closed;
    if (!expected) this.log.warn({ ending }, 'an armed process ended before it was given a play');
    this.armed.delete(child);
    if (this.arming === child) this.arming = undefined;
    child
      .clear()
      .catch((err: unknown) => this.log.warn({ err }, 'the folder of an armed process could not be removed'));
    this.armSoon(ARM_AGAIN_AFTER_MS);
  }

  private discard(): void {
    for (const child of [...this.armed, ...(this.arming ? [this.arming] : [])]) child.kill();
    this.armed.clear();
    this.arming = undefined;
  }

  private restLater(): void {
    this.rest?.[Symbol.dispose]();
    this.rest = after(IDLE_MS, () => {
      this.resting = true;
      this.discard();
    });
  }
}

class ArmedChild implements Child {
  readonly token = newToken();
  private readonly connected: [Lane, Socket, Buffer][] = [];
  private readonly started: Started;
  private readonly forget: () => void;
  private workdir: string;
  private take?: Taker;

  constructor(
    number: number,
    forks: ForkServers,
    lanes: Lanes,
    private readonly workdirs: Workdirs,
    onArmed: () => void,
  ) {
    this.workdir = workdirs.make('armed', number, forks.owner);
    const { token } = this;
    this.forget = lanes.expect(token, (...lane) => {
      this.connected.push(lane);
      if (this.connected.length === LANES) onArmed();
    });
    this.started = forks.arm({ sid: null, kind: 'play', token, workdir: this.workdir, limits: PLAY_LIMITS });
  }

  get bound(): boolean {
    return this.take !== undefined;
  }

  get ended(): Promise<Ending> {
    return this.started.ended;
  }

  bind({ play_sid, epoch }: { play_sid: string; epoch: number }, take: Taker): void {
    this.workdir = this.workdirs.rename(this.workdir, play_sid, epoch);
    this.take = take;
    for (const lane of this.connected) take(...lane);
  }

  kill(): void {
    this.started.kill();
  }

  async clear(): Promise<void> {
    this.forget();
    for (const [, socket] of this.connected) socket.destroy();
    await this.workdirs.remove(this.workdir);
  }
}

const newToken = (): string => randomBytes(24).toString('hex');
