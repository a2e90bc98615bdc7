/**
 * Keeps the streams and what must be in them. A JetStream message is a wake-up: it may be lost, and nothing breaks.
 *
 * 1. Missing streams are made, at start, after each reconnect, and every 2 s.
 * 2. The wake-up of a play that stays pending is published again: after 5 s, then 10, 20, 40, 60. Each is judged by itself: not
 *    while messages are still waiting that are older than its own wake-up, because then its turn has not come (a queue does
 *    not grow by being long).
 * 3. When the work stream was made anew, the wake-ups of all pending plays are published again immediately.
 */
import { Bus } from '@hero/bus';
import { every, type Log, type Timer } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { OutboxStore } from './outbox-store.js';
import { Relay } from './relay.js';
import { ensureStreams, oldestWaiting } from './streams.js';

const EVERY_MS = 2_000;
const BATCH = 500;
/** How much the clocks of PostgreSQL and NATS may differ. */
const SKEW_MS = 10_000;

@Injectable()
export class Reconciler {
  private made?: string;
  private timer?: Timer;
  private log?: Log;

  constructor(
    private readonly store: OutboxStore,
    private readonly relay: Relay,
    private readonly bus: Bus,
  ) {}

  /** The streams are there when this returns. */
  async start(log: Log): Promise<void> {
    this.log = log;
    await this.reconcile();
    const timer = every(EVERY_MS, () => this.reconcile(), { log, name: 'reconciler' });
    this.bus.onReconnect(() => timer.now());
    this.timer = timer;
  }

  async stop(): Promise<void> {
    await this.timer?.stop();
  }

  async reconcile(): Promise<void> {
    if (!this.bus.connected) return;
    const made = await ensureStreams(this.bus);
    const isNew = this.made !== undefined && this.made !== made;
    if (isNew) {
      this.log?.warn({ made }, 'the work stream was made anew; every pending play is announced again');
      await this.store.allOverdue();
    }
    this.made = made;
    for (;;) {
      const overdue = await this.store.overdue(BATCH);
      if (overdue.length === 0) return;
      const oldest = isNew ? undefined : await oldestWaiting(this.bus);
      const lost = overdue.filter(
        ({ told_at }) => oldest === undefined || told_at.getTime() + SKEW_MS < oldest.getTime(),
      );
      await Promise.all(lost.map((play) => this.relay.wakeAgain(play)));
      if (lost.length > 0)
        this.log?.info({ plays: lost.length, oldest }, 'pending plays without a message were announced again');
      if (overdue.length < BATCH) return;
    }
  }
}
