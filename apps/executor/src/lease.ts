/**
 * The executor's lease: renewed every second, never twice at once.
 *
 * 1. A play that the registry no longer assigns to this executor is killed, by the answer to a renewal, or earlier by a notice.
 * 2. Each renewal moves the fork servers' deadline. It counts from when the request was sent, on the system's monotonic
 *    clock, so that neither a slow reply nor a stopped executor can stretch it.
 */
import { hostname } from 'node:os';
import type { Bus } from '@hero/bus';
import { ExecutorNotice, executorLease, executorNotice, type Params } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';

type Asked = Params<typeof executorLease>;
export type Held = Asked['plays'][number];

const PERIOD_MS = 1_000;
/** Until it holds a lease for the first time: the registry may just be starting beside it. */
const FIRST_RETRY_MS = 100;
const REPLY_WITHIN_MS = 2_000;

export interface LeaseOptions {
  instance: string;
  now(): Pick<Asked, 'slots' | 'busy' | 'draining' | 'plays'>;
  onRenewed(untilMs: number): void;
  onGone(gone: Held[]): void;
  /** Lingering plays have an answer. */
  onAnswered(answered: Held[]): void;
}

export class Lease {
  private untilMs = 0;
  private timer?: Timer;
  private lost = false;

  constructor(
    private readonly bus: Bus,
    private readonly options: LeaseOptions,
  ) {}

  get live(): boolean {
    return monotonicMs() < this.untilMs;
  }

  async start(): Promise<void> {
    await this.bus.follow(executorNotice(this.options.instance), (data) => this.take(data));
    this.timer = every(PERIOD_MS, () => this.renew(), { atOnce: true, log: this.bus.log, name: 'lease' });
  }

  async stop(): Promise<void> {
    await this.timer?.stop();
  }

  private take(data: unknown): void {
    const { gone, answered } = ExecutorNotice.safeParse(data).data ?? { gone: [], answered: [] };
    if (gone.length > 0) this.options.onGone(gone);
    if (answered.length > 0) this.options.onAnswered(answered);
  }

  private async renew(): Promise<void> {
    const sent = monotonicMs();
    const { instance, now, onRenewed, onGone } = this.options;
    const asked: Asked = { instance, host: hostname(), pid: process.pid, ...now() };
    try {
      const { lease_ms, gone } = await this.bus.ask(executorLease, asked, {
        timeoutMs: REPLY_WITHIN_MS,
        retryUnavailable: false,
      });
      this.untilMs = sent + lease_ms;
      onRenewed(this.untilMs);
      if (gone.length > 0) onGone(gone);
      if (this.lost) this.bus.log.info({}, 'the lease is renewed again');
      this.lost = false;
    } catch (err) {
      if (!this.lost) this.bus.log.warn({ err }, 'the lease could not be renewed; plays end when it runs out');
      this.lost = true;
      if (this.untilMs === 0) setTimeout(() => this.timer?.now(), FIRST_RETRY_MS);
    }
  }
}

/** CLOCK_MONOTONIC, as Python's time.monotonic() reads it. */
const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
