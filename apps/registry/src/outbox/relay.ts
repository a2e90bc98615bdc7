/**
 * Publishes what was committed: wake-ups and events into JetStream, announcements on the bus.
 *
 * 1. The outbox row is the promise. The registry that committed it publishes it from memory right after the commit, and deletes it when
 *    the streams have stored it; rows that are left over (a crash, an outage) are published by the next sweep of any registry.
 * 2. Everything may be published twice: wake-ups carry `play:run_seq` as their id and are claimed by compare-and-swap (I8);
 *    an event batch has the row's id as its source, and is the same to the byte.
 * 3. A wake-up never waits for telemetry: from memory it goes out even where the row's events cannot.
 * 4. Events go out in the order of their rows: after a failure none is published from memory until a sweep has caught up.
 */
import { BatchPublisher, Bus, publishJson } from '@hero/bus';
import {
  change as changeSubject,
  type ExecutorNotice,
  executorNotice,
  spansDelete,
  WORK_SUBJECT,
} from '@hero/contracts';
import { every, failpoint, type Log, type Timer } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { Change, Gone } from './changes.js';
import { OutboxStore } from './outbox-store.js';

const SWEEP_MS = 500;
const FORGET_MS = 25;
/** Younger rows are being published by the registry that wrote them. */
const OWN_MS = 2_000;
const STORED_WITHIN_MS = 2_000;
const RETRY_MS = 2_000;
const BATCH = 500;

type Notice = z.input<typeof ExecutorNotice>;

@Injectable()
export class Relay {
  private readonly telling = new Set<number>();
  private told: number[] = [];
  /** Rule 4. */
  private behind = false;
  private sweeping?: Timer;
  private forgetting?: NodeJS.Timeout;
  private stopped = false;
  private readonly listeners: ((change: Change) => void)[] = [];
  private readonly batches: BatchPublisher;
  private log?: Log;

  constructor(
    private readonly store: OutboxStore,
    private readonly bus: Bus,
  ) {
    this.batches = new BatchPublisher(bus, STORED_WITHIN_MS);
  }

  start(log: Log): void {
    this.log = log;
    const sweep = every(SWEEP_MS, () => this.sweep(), { log, name: 'relay' });
    this.bus.onReconnect(() => sweep.now());
    this.sweeping = sweep;
  }

  /** A row that was published but not yet deleted is published again by another registry, which is harmless. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.sweeping?.stop();
    clearTimeout(this.forgetting);
    await this.forget();
  }

  /** Called with each change that this registry committed, right after its commit. */
  onCommitted(listener: (change: Change) => void): void {
    this.listeners.push(listener);
  }

  /** After the commit: publishes these changes now. Never fails: a change that cannot be published stays in the outbox. */
  tell(...changes: readonly Change[]): void {
    for (const change of changes) {
      this.announce(change);
      for (const listener of this.listeners) listener(change);
      if (change.later) continue;
      if (this.behind || !this.bus.connected) {
        this.behind = true;
        if (this.bus.connected) void this.wake(change).catch(() => undefined);
      } else void this.deliver(change);
    }
  }

  /**
   * Tells executors which claims are no longer their own (their next lease says the same), and which plays have an answer to what
   * they linger for (they ask by themselves within 2 s).
   */
  notify({ gone = [], answered = [] }: { gone?: readonly Gone[]; answered?: readonly Gone[] }): void {
    const told = (owner: string, what: Notice): void => this.bus.announce(executorNotice(owner), what);
    for (const { owner, ...claim } of gone) told(owner, { gone: [claim] });
    for (const { owner, ...claim } of answered) told(owner, { answered: [claim] });
  }

  /** Publishes rows that the registry which wrote them did not publish. */
  async sweep(): Promise<void> {
    while (this.bus.connected) {
      const rows = (await this.store.due(this.behind ? 0 : OWN_MS, BATCH)).filter(({ id }) => !this.telling.has(id));
      const stored = await Promise.all(rows.map((row) => this.deliver(row)));
      for (const row of rows) if (!row.deleted) this.announce(row);
      for (const [index, row] of rows.entries()) {
        if (!stored[index]) await this.store.later(row.play_sid, row.deleted ? 5 * RETRY_MS : RETRY_MS);
      }
      await this.forget();
      if (rows.length > 0) this.log?.debug({ rows: rows.length }, 'outbox swept');
      if (rows.length < BATCH) {
        this.behind = stored.includes(false);
        return;
      }
    }
  }

  /** Publishes one row; returns whether the streams have stored all of it. */
  private async deliver(change: Change): Promise<boolean> {
    this.telling.add(change.id);
    try {
      await failpoint('registry.relay.publish.before');
      await Promise.all([this.wake(change), this.event(change), this.deletion(change)]);
      await failpoint('registry.relay.publish.after');
      this.told.push(change.id);
      this.forgetSoon();
      return true;
    } catch (err) {
      this.behind = true;
      this.log?.warn(
        { err, play_sid: change.play_sid, outbox: change.id },
        'a change could not be published; it stays in the outbox',
      );
      return false;
    } finally {
      this.telling.delete(change.id);
    }
  }

  private async wake({ play_sid, run_seq }: Change): Promise<void> {
    if (run_seq !== null) await this.publish(WORK_SUBJECT, { play_sid, run_seq }, `${play_sid}:${run_seq}`);
  }

  /** Publishes a wake-up that seems lost again; under another message id, because the stream drops a known one as a duplicate. */
  async wakeAgain({
    play_sid,
    run_seq,
    republished,
  }: {
    play_sid: string;
    run_seq: number;
    republished: number;
  }): Promise<void> {
    await this.publish(WORK_SUBJECT, { play_sid, run_seq }, `${play_sid}:${run_seq}:${republished}`);
  }

  private async event({ id, play_sid, attempt, status, moved, answered, at }: Change): Promise<void> {
    const events = (answered ?? []).map((answer) => ({ type: 'answered', at, ...answer }));
    const all = moved ? [...events, { type: 'status', at, status }] : events;
    if (all.length === 0) return;
    await this.batches.publish({ play_sid, attempt, source: `r${id}`, batch: 1, events: all });
  }

  private async deletion({ play_sid, deleted }: Change): Promise<void> {
    if (deleted) await this.bus.ask(spansDelete, { play_sids: [play_sid] }, { timeoutMs: STORED_WITHIN_MS });
  }

  private async publish(subject: string, data: object, msgID: string): Promise<void> {
    await publishJson(this.bus.js, subject, data, { msgID, timeout: STORED_WITHIN_MS });
  }

  private announce({ play_sid, workflow_sid, status, at, deleted }: Change): void {
    this.bus.announce(changeSubject('play', play_sid), {
      play_sid,
      workflow_sid,
      status,
      at,
      ...(deleted && { deleted }),
    });
  }

  /** No timer runs while nothing happens; what cannot be deleted now, the next sweep deletes. */
  private forgetSoon(): void {
    if (this.stopped) return;
    this.forgetting ??= setTimeout(() => {
      this.forgetting = undefined;
      this.forget().catch((err: unknown) =>
        this.log?.warn({ err }, 'published changes could not be deleted from the outbox yet'),
      );
    }, FORGET_MS);
  }

  private async forget(): Promise<void> {
    if (this.told.length === 0) return;
    const ids = this.told;
    this.told = [];
    try {
      await this.store.told(ids);
    } catch (error) {
      this.told.push(...ids);
      throw error;
    }
  }
}
