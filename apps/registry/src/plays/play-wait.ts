/**
 * play_wait: woken by changes, never by polling.
 *
 * 1. The play is looked at after the waiter is listed, so that a change in between is not missed.
 * 2. A change costs one look at the play's row, however many wait and however much the play holds; the play is read for who is answered.
 *    An end that this process committed costs no look: the commit has said what the play is.
 * 3. What this process commits wakes its waiters directly; what other registries commit, their announcements. Announcements are best effort: those
 *    missed while NATS was not reachable are made up for by one read of the play after each reconnect.
 */
import { Bus } from '@hero/bus';
import { allChanges, isFinal, isOver, type Params, type Play, type PlayStatus, type playWait } from '@hero/contracts';
import { after } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { Relay } from '../outbox/relay.js';
import type { Standing } from './play-store.js';
import { Plays } from './plays.js';

@Injectable()
export class PlayWait {
  private readonly waiters = new Map<string, Set<Waiter>>();
  private readonly looks = new Map<string, Promise<Standing>>();
  private closing?: AbortSignal;

  constructor(
    private readonly plays: Plays,
    private readonly relay: Relay,
    private readonly bus: Bus,
  ) {}

  async start(): Promise<void> {
    const prefix = allChanges('play').slice(0, -1);
    await this.bus.follow(allChanges('play'), (_data, subject) => this.wake(subject.slice(prefix.length)));
    this.bus.onReconnect(() => this.wakeAll());
    this.relay.onCommitted(({ play_sid, status }) => this.wake(play_sid, status));
  }

  async wait(p: Params<typeof playWait>, closing?: AbortSignal): Promise<Play> {
    const waiter = new Waiter();
    this.list(p.play_sid, waiter);
    // The timer itself says that the limit is reached: by a clock that is read later it may have fired a moment too early.
    let late = false;
    const expire = (): void => {
      late = true;
      waiter.changed();
    };
    const timer = p.timeout_ms === 0 ? undefined : after(p.timeout_ms, expire);
    this.heed(closing);
    let told: PlayStatus | undefined;
    try {
      for (;;) {
        const next = waiter.next();
        const { status, asks } = told && isFinal(told) ? { status: told, asks: false } : await this.look(p.play_sid);
        const last = late || closing?.aborted === true;
        if (last || isOver(status, asks, p.until)) {
          const play = await this.plays.get(p.play_sid);
          // It may have gone on since.
          if (last || isOver(play.status, play.pending_resumes.length > 0, p.until)) return play;
        }
        told = await next;
      }
    } finally {
      timer?.[Symbol.dispose]();
      this.unlist(p.play_sid, waiter);
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

  /** Those who wait for the same play share a look that began after its last change. */
  private look(sid: string): Promise<Standing> {
    const known = this.looks.get(sid);
    if (known) return known;
    const look = this.plays.standing(sid);
    this.looks.set(sid, look);
    const done = (): void => {
      if (this.looks.get(sid) === look) this.looks.delete(sid);
    };
    look.then(done, done);
    return look;
  }

  private wake(sid: string, status?: PlayStatus): void {
    this.looks.delete(sid);
    for (const waiter of this.waiters.get(sid) ?? []) waiter.changed(status);
  }

  private list(sid: string, waiter: Waiter): void {
    const listed = this.waiters.get(sid) ?? new Set();
    this.waiters.set(sid, listed.add(waiter));
  }

  private unlist(sid: string, waiter: Waiter): void {
    const listed = this.waiters.get(sid);
    listed?.delete(waiter);
    if (listed?.size === 0) this.waiters.delete(sid);
  }
}

/** Remembers that something changed while the play was not being read. */
class Waiter {
  private resolve: (status?: PlayStatus) => void = () => undefined;

  /** The status, where whoever tells of the change knows it. */
  readonly changed = (status?: PlayStatus): void => this.resolve(status);

  /** Resolves with the first change from now on. */
  next(): Promise<PlayStatus | undefined> {
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }
}
