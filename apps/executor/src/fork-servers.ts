/**
 * The fork server that takes orders now, and older ones that still have plays.
 *
 * 1. After a fixed number of plays a new one takes over; the old one ends with its last play: no running play is lost.
 * 2. One that dies takes its plays with it (they are given back uncounted) and is replaced. Where that fails again and again, `onGivenUp`
 *    ends the wait: at the next try to open such an environment the reason reaches the play.
 * 3. None is weaker than the first one of the executor: its sandbox level is what the executor tells the registry. One that comes up
 *    weaker (the machine had no namespace left, for instance) is ended before it has a play, and another one is started.
 * 4. One is of the foundation that is there now: one that started while that was replaced holds the socket of the dead one.
 */
import { once } from 'node:events';
import { backoff, type Log } from '@hero/bus';
import type { SandboxReport } from '@hero/contracts';
import { ForkServer, type ForkSettings, type Order, type Started } from './fork-server.js';
import type { PlayPython } from './python.js';

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;
const TRIES_TO_OPEN = 4;
const TRIES_TO_REPLACE = 6;
const LEVELS = ['off', 'default', 'strict'] as const satisfies readonly SandboxReport['level'][];

/** What a fork server holds on to from its start: the egress proxy. */
export interface Foundation {
  ready(): Promise<void>;
  /** Another number, another foundation. */
  readonly generation: number;
}

export interface ForkServersOptions {
  python: PlayPython;
  settings: ForkSettings;
  recycleAfter: number;
  foundation: Foundation | null;
  /** The level that the executor has told; undefined: this is its first one. */
  least?: SandboxReport['level'];
}

/** This machine does not give now what plays were promised. */
export class WeakerSandbox extends Error {}

export class ForkServers {
  private readonly all = new Set<ForkServer>();
  private replacing?: Promise<void>;
  private closed = false;
  private leaseUntil?: number;
  /** Called when another one takes the orders: armed children of the one before are of no use. */
  onReplaced: () => void = () => undefined;
  /** Called when the one that died cannot be replaced: whoever waited has its play given back. Without it, it is tried for ever. */
  onGivenUp?: () => void;

  private constructor(
    private current: ForkServer,
    private readonly start: () => Promise<ForkServer>,
    private readonly recycleAfter: number,
    private readonly log: Log,
  ) {
    this.adopt(current);
  }

  /** Fails when the first one does: an executor that cannot start a play must not take any. */
  static async open(options: ForkServersOptions, log: Log): Promise<ForkServers> {
    const first = await firstOne(options, log);
    const least = options.least ?? first.ready.level;
    return new ForkServers(first, () => startOne({ ...options, least }, log), options.recycleAfter, log);
  }

  get sandbox(): SandboxReport {
    const { level, enforced, missing } = this.current.ready;
    return { level, enforced, missing };
  }

  get owner(): { uid: number; gid: number } {
    return this.current.ready;
  }

  get notPreloaded(): Record<string, string> {
    return this.current.ready.not_preloaded;
  }

  /** Whether the one that takes orders lives. */
  get healthy(): boolean {
    return this.all.has(this.current);
  }

  get pids(): number[] {
    return [...this.all].map(({ pid }) => pid);
  }

  /** Waits for the next fork server where the current one has died; rejects with the signal's reason. */
  async fork(order: Order, signal: AbortSignal): Promise<Started> {
    signal.throwIfAborted();
    if (!this.healthy) {
      const aborted = new AbortController();
      await Promise.race([this.replacing, once(signal, 'abort', { signal: aborted.signal }).catch(() => undefined)]);
      aborted.abort();
      signal.throwIfAborted();
    }
    const started = this.current.fork(order);
    this.used();
    return started;
  }

  /** Whether children can be armed, now. */
  get arms(): boolean {
    return this.healthy && this.current.ready.arms;
  }

  /** As `fork`, without waiting, and for no play yet: `used` is to be called when it has one. */
  arm(order: Order): Started {
    return this.current.fork(order);
  }

  used(): void {
    if (++this.current.used >= this.recycleAfter) this.replace();
  }

  lease(untilMs: number): void {
    this.leaseUntil = untilMs;
    for (const server of this.all) server.lease(untilMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.replacing;
    await Promise.all([...this.all].map((server) => server.close()));
  }

  /** Ends all of them, and starts another one: something outside of them that their plays need is gone. */
  abandon(): void {
    for (const server of this.all) server.abandon();
  }

  private adopt(server: ForkServer): void {
    this.all.add(server);
    if (this.leaseUntil !== undefined) server.lease(this.leaseUntil);
    void server.gone.then(() => {
      this.all.delete(server);
      if (server !== this.current || this.closed) return;
      this.log.error(
        { pid: server.pid },
        'the fork server died; its plays are handed back, and another fork server is started',
      );
      this.replace();
    });
  }

  private replace(): void {
    this.replacing ??= this.succeed().finally(() => {
      this.replacing = undefined;
    });
  }

  private async succeed(): Promise<void> {
    const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    for (let tried = 1; !this.closed; tried++) {
      try {
        const next = await this.start();
        const old = this.current;
        this.current = next;
        this.adopt(next);
        old.retire();
        this.onReplaced();
        this.log.info({ pid: next.pid, before: old.pid, plays: old.used }, 'a new fork server takes over');
        return;
      } catch (err) {
        if (this.onGivenUp && tried >= TRIES_TO_REPLACE) {
          this.log.error({ err }, 'no fork server could be started for these packages');
          // One that was to be recycled goes on.
          if (!this.healthy) this.onGivenUp();
          return;
        }
        this.log.error({ err, wait_ms: retry.nextMs }, 'no fork server could be started; trying again');
        await retry.wait();
      }
    }
  }
}

/** What a weaker one lacks may be there in a moment. */
async function firstOne(options: ForkServersOptions, log: Log): Promise<ForkServer> {
  const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  for (let tried = 1; ; tried++) {
    try {
      return await startOne(options, log);
    } catch (err) {
      if (!(err instanceof WeakerSandbox) || tried === TRIES_TO_OPEN) throw err;
      log.error({ err, wait_ms: retry.nextMs }, 'a fork server was refused; trying again');
      await retry.wait();
    }
  }
}

/** Rules 3 and 4. */
async function startOne({ python, settings, foundation, least }: ForkServersOptions, log: Log): Promise<ForkServer> {
  for (;;) {
    await foundation?.ready();
    const generation = foundation?.generation;
    const replaced = (): boolean => foundation?.generation !== generation;
    const server = await ForkServer.start(python, settings, log).catch((error: unknown) => {
      if (!replaced()) throw error;
    });
    if (!server) continue;
    if (replaced()) {
      server.abandon();
      continue;
    }
    const { level, missing } = server.ready;
    if (least === undefined || LEVELS.indexOf(level) >= LEVELS.indexOf(least)) return server;
    server.abandon();
    throw new WeakerSandbox(
      `The fork server came up at sandbox level ${level}, below the executor's ${least}; missing: ${missing.join('; ')}`,
    );
  }
}
