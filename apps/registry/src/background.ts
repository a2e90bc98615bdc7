import { Database } from '@hero/persistence';
import type { Log } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { Children } from './waits/children.js';
import { Leases } from './runs/leases.js';
import { Reconciler } from './outbox/reconciler.js';
import { Relay } from './outbox/relay.js';
import { PlayWait } from './plays/play-wait.js';
import { Timers } from './waits/timers.js';

/** The background jobs of the registry. Several registries may run them at the same time. */
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
    // A prepared statement keeps the plan that was best for an empty table until the table is analysed: 10,000 plays later a
    // claim would still read all of them. Every hot statement has an index, so sequential scans are disabled.
    database.pool.on('connect', (client) => {
      client.query('SET enable_seqscan = off').catch(() => undefined);
    });
  }

  /** Returns when the streams exist. */
  async start(log: Log): Promise<void> {
    await this.reconciler.start(log);
    await this.waits.start();
    this.relay.start(log);
    this.timers.start(log);
    this.leases.start(log);
    this.children.start(log);
  }

  /** Requests are still answered while this runs, so the relay is stopped last and publishes what they change. */
  async stop(): Promise<void> {
    await Promise.all([this.reconciler.stop(), this.timers.stop(), this.leases.stop(), this.children.stop()]);
    await this.relay.stop();
  }
}
