/**
 * The plays of this executor: takes work for free slots, runs it, and gives it back when it drains.
 *
 * 1. As many messages are fetched as there are free slots, and none without a live lease.
 * 2. I8: a message is a wake-up. It is acked right after the claim; a claim that yields nothing is forgotten. One that cannot be
 *    read or is refused leaves the stream at once: whether a play is pending, the registry knows.
 * 3. A message that comes when lingering plays have taken the slots back goes to whoever has room.
 * 4. A play is in `held` until the registry was told of its end, so that its lease covers it.
 */
import { type Bus, consumePull, type Pull, type PulledMessage, WORK_SETTINGS } from '@hero/bus';
import { playClaim, type Run, WorkMessage } from '@hero/contracts';
import { failpoint } from '@hero/service-kit';
import { Attempt, type Surroundings } from './attempt.js';
import type { Held } from './lease.js';
import { worthRepeating } from './registry-calls.js';
import { type Slot, Slots } from './slots.js';

const CLAIM_AGAIN_AFTER_MS = 1_000;
const NO_ROOM_AGAIN_AFTER_MS = 50;

export interface PlaysOptions {
  slots: number;
  drainMs: number;
  leaseIsLive(): boolean;
}

export class RunningPlays {
  private readonly held = new Map<string, Attempt>();
  private readonly work = new Set<Promise<void>>();
  private readonly all: Slots;
  private pull?: Pull;
  draining = false;

  constructor(
    private readonly bus: Bus,
    private readonly around: Surroundings,
    private readonly options: PlaysOptions,
  ) {
    this.all = new Slots(options.slots, () => this.wake());
  }

  get slots(): number {
    return this.options.slots;
  }

  get busy(): number {
    return this.all.busy;
  }

  get plays(): Held[] {
    return [...this.held.values()].map(({ run: { play_sid, epoch } }) => ({ play_sid, epoch }));
  }

  start(): void {
    this.pull = consumePull(this.bus, {
      ...WORK_SETTINGS,
      // A stopped executor's open request would swallow wake-ups, so it expires before the plays are taken over.
      expiresMs: 2_000,
      heartbeatMs: 800,
      max: () =>
        this.draining || !this.options.leaseIsLive() || !this.around.environments.base.forks.healthy
          ? 0
          : this.all.free,
      onMessages: (messages) => {
        for (const message of messages) this.track(this.takeUp(message));
      },
    });
  }

  /** Room may have become free, or the lease is live again. */
  wake(): void {
    this.pull?.wake();
  }

  /** Kills the processes of plays that this executor no longer owns. */
  gone(plays: Held[]): void {
    for (const held of plays) {
      const attempt = this.held.get(keyOf(held));
      if (!attempt) continue;
      this.around.log.info(held, 'this executor no longer owns the play; its process is killed');
      attempt.kill('fenced');
    }
  }

  /** These plays have an answer to what they linger for. */
  answered(plays: Held[]): void {
    for (const held of plays) this.held.get(keyOf(held))?.notify();
  }

  /** Takes nothing more, lets plays end for a while, and gives back what is left, uncounted. */
  async drain(): Promise<void> {
    this.draining = true;
    await this.pull?.stop();
    const late = setTimeout(() => {
      for (const attempt of this.held.values()) attempt.kill('drain');
    }, this.options.drainMs);
    while (this.work.size > 0) await Promise.allSettled(this.work);
    clearTimeout(late);
  }

  private track(work: Promise<void>): void {
    const tracked = work
      .catch((err: unknown) => this.around.log.error({ err }, 'an attempt failed in the executor itself'))
      .finally(() => this.work.delete(tracked));
    this.work.add(tracked);
  }

  private async takeUp(message: PulledMessage): Promise<void> {
    if (this.all.free === 0) return message.nak(NO_ROOM_AGAIN_AFTER_MS);
    using slot = this.all.take();
    const run = await this.claim(message);
    if (run) await this.attempt(run, slot);
  }

  private async claim(message: PulledMessage): Promise<Run | null> {
    const wanted = WorkMessage.safeParse(readable(message));
    if (!wanted.success) {
      const text = Buffer.from(message.data).subarray(0, 200).toString('utf8');
      this.around.log.error({ seq: message.seq, text }, 'a wake-up that cannot be read was removed');
      message.term();
      return null;
    }
    try {
      const { calls, environments } = this.around;
      const { run } = await calls.once(playClaim, {
        owner: calls.owner,
        ...wanted.data,
        sandbox: environments.base.forks.sandbox,
      });
      await failpoint('executor.claim.after');
      await failpoint('executor.ack.before');
      message.ack();
      await failpoint('executor.ack.after');
      return run;
    } catch (err) {
      const { play_sid } = wanted.data;
      if (worthRepeating(err)) {
        // Claimed without our knowing: the registry sees by our lease that we do not run it, and releases it.
        this.around.log.warn({ err, play_sid }, 'the registry did not answer a claim; the wake-up is handed back');
        message.nak(CLAIM_AGAIN_AFTER_MS);
      } else {
        this.around.log.error({ err, play_sid }, 'a wake-up that the registry refuses was removed');
        message.term();
      }
      return null;
    }
  }

  private async attempt(run: Run, slot: Slot): Promise<void> {
    const attempt = new Attempt(run, slot, this.around);
    const key = keyOf(run);
    this.held.set(key, attempt);
    this.around.log.info({ play_sid: run.play_sid, epoch: run.epoch, attempt: run.attempt }, 'play claimed');
    try {
      const ending = await attempt.live().finally(() => slot[Symbol.dispose]());
      await attempt.report(ending);
    } finally {
      this.held.delete(key);
    }
  }
}

const keyOf = ({ play_sid, epoch }: Held): string => `${play_sid}.${epoch}`;

function readable(message: PulledMessage): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
