import { Database } from '@hero/persistence';
import type { Log } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { Children } from './waits/children.js';
import { Leases } from './runs/leases.js';
import { Reconciler } from './outbox/reconciler.js';
import { Relay } from './outbox/relay.js';
import { PlayWait } from './plays/play-wait.js';
import { Timers } from './waits/timers.js';

/** What the registry does without being asked. Several registries may do it at once. */
@Injectable()
export class Background {
  constructor(
    private readonly children: Children,
    private readonly reconciler: Reconciler,
    private readonly relay: Relay,
    private readonly timers: Timers,
    private readonly leases: Leases,
    private readonly waits: PlayWait,
    database: Database,
  ) {
    // Prepared statements keep the plan that was best for an empty table until somebody analyses it: 10,000 plays later a
    // claim would still read them all. Every hot statement has its index, so none is to be planned without one.
    database.pool.on('connect', (client) => {
      client.query('SET enable_seqscan = off').catch(() => undefined);
    });
  }

  /** The streams are there when this returns. */
  async start(log: Log): Promise<void> {
    await this.reconciler.start(log);
    await this.waits.start();
    this.relay.start(log);
    this.timers.start(log);
    this.leases.start(log);
    this.children.start(log);
  }

  /** Questions are still answered: the relay goes last, and tells what they change. */
  async stop(): Promise<void> {
    await Promise.all([this.reconciler.stop(), this.timers.stop(), this.leases.stop(), this.children.stop()]);
    await this.relay.stop();
  }
}
