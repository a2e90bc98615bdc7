/**
 * play_wait: woken by announcements, never by polling.
 *
 * 1. The play is looked at after the waiter is listed, so that a change in between is not missed.
 * 2. Only what decides is read at each change; the play itself once, when the wait is over.
 * 3. Announcements are best effort: what came while NATS was away is made up by one look after each reconnect.
 */
import { Bus } from '@hero/bus';
import { allChanges, isOver, type Params, type Play, type playWait } from '@hero/contracts';
import { after } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { Plays } from './plays.js';

@Injectable()
export class PlayWait {
  private readonly waiters = new Map<string, Set<() => void>>();
  private closing?: AbortSignal;

  constructor(
    private readonly plays: Plays,
    private readonly bus: Bus,
  ) {}

  async start(): Promise<void> {
    const prefix = allChanges('play').slice(0, -1);
    await this.bus.follow(allChanges('play'), (_data, subject) => this.wake(subject.slice(prefix.length)));
    this.bus.onReconnect(() => this.wakeAll());
  }

  async wait(p: Params<typeof playWait>, closing?: AbortSignal): Promise<Play> {
    const limit = p.timeout_ms === 0 ? Number.POSITIVE_INFINITY : performance.now() + p.timeout_ms;
    const waiter = new Waiter();
    this.list(p.play_sid, waiter.changed);
    const timer = Number.isFinite(limit) ? after(p.timeout_ms + 1, waiter.changed) : undefined;
    this.heed(closing);
    try {
      for (;;) {
        const next = waiter.next();
        const standing = await this.plays.standing(p.play_sid);
        if (isOver(standing.status, standing.asks, p.until) || performance.now() >= limit || closing?.aborted)
          return this.plays.get(p.play_sid);
        await next;
      }
    } finally {
      timer?.[Symbol.dispose]();
      this.unlist(p.play_sid, waiter.changed);
    }
  }

  /** A service that stops answers all who wait; one listener for thousands of them. */
  private heed(closing: AbortSignal | undefined): void {
    if (closing === this.closing) return;
    this.closing = closing;
    closing?.addEventListener('abort', () => this.wakeAll(), { once: true });
  }

  private wakeAll(): void {
    for (const sid of this.waiters.keys()) this.wake(sid);
  }

  private wake(sid: string): void {
    for (const changed of this.waiters.get(sid) ?? []) changed();
  }

  private list(sid: string, changed: () => void): void {
    const listed = this.waiters.get(sid) ?? new Set();
    this.waiters.set(sid, listed.add(changed));
  }

  private unlist(sid: string, changed: () => void): void {
    const listed = this.waiters.get(sid);
    listed?.delete(changed);
    if (listed?.size === 0) this.waiters.delete(sid);
  }
}

/** Remembers that something changed while nobody looked. */
class Waiter {
  private resolve: () => void = () => undefined;

  readonly changed = (): void => this.resolve();

  /** Kept by the first change from now on. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }
}
