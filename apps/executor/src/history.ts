/**
 * The events of one claim: of the play itself, and what the executor adds. Batches are numbered from 1 without holes.
 *
 * 1. I10: what finds no room is counted before anything is numbered, and the next batch says how much.
 * 2. One batch of a play is under way at a time, so they arrive in order; events that arrive in between wait for the next one.
 * 3. The end of an attempt is told when its last batch is on its way, so that the status which the registry then adds comes behind it. A
 *    stream that takes nothing delays it by a moment only.
 */
import { type AnyEvent, type EventBatch, type EventsMark, MIB, type Run } from '@hero/contracts';
import type { Publisher } from './publisher.js';

const BATCH_EVENTS = 200;
const BATCH_BYTES = 512 * 1024;
const BATCH_AFTER_MS = 20;
const PLAY_LIMIT = 8 * MIB;
const OWN_EVENT_BYTES = 300;
/** Rule 3. */
const SENT_WITHIN_MS = 100;

/** Why events are missing. The first one of a kind says what was wrong with it. */
export type DropReason = 'overload' | 'malformed';

interface Waiting {
  event: AnyEvent;
  bytes: number;
}

export class History {
  private waiting: Waiting[] = [];
  private held = 0;
  private readonly dropped = new Map<DropReason, { count: number; first: string }>();
  private readonly numbered: { batch: EventBatch; bytes: number }[] = [];
  private last = 0;
  private timer?: NodeJS.Timeout;
  private sending?: Promise<void>;
  /** Whether the first of the numbered batches is on its way. */
  private firstSent = false;
  private onSent?: () => void;

  constructor(
    private readonly run: Pick<Run, 'play_sid' | 'epoch' | 'attempt'>,
    private readonly publisher: Publisher,
  ) {}

  add(event: AnyEvent, bytes = OWN_EVENT_BYTES): void {
    if (!this.hasRoom(bytes)) return this.drop('overload');
    this.publisher.reserve(bytes);
    this.held += bytes;
    this.waiting.push({ event, bytes });
    this.sendSoon();
  }

  hasRoom(bytes: number): boolean {
    return this.held + bytes <= PLAY_LIMIT && this.publisher.hasRoom(bytes);
  }

  /** I10: an event that is not stored is counted. */
  drop(reason: DropReason, first = ''): void {
    const known = this.dropped.get(reason);
    if (known) known.count++;
    else this.dropped.set(reason, { count: 1, first });
    this.sendSoon();
  }

  private sendSoon(): void {
    if (this.sending) return;
    if (this.waiting.length >= BATCH_EVENTS) this.send();
    else this.timer ??= setTimeout(() => this.send(), BATCH_AFTER_MS);
  }

  /** Numbers all pending events, and returns where the history now ends; null if there are no events. */
  mark(): EventsMark | null {
    this.number();
    this.send();
    return this.last === 0 ? null : { source: this.source, batch: this.last };
  }

  /** The mark, once all up to it is on its way (3). */
  async sent(): Promise<EventsMark | null> {
    const mark = this.mark();
    if (this.allSent) return mark;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, SENT_WITHIN_MS);
      this.onSent = () => {
        if (!this.allSent) return;
        clearTimeout(late);
        resolve();
      };
    });
    return mark;
  }

  private get allSent(): boolean {
    return this.numbered.length === 0 || (this.numbered.length === 1 && this.firstSent);
  }

  /** When all that was added is stored. */
  async stored(): Promise<void> {
    this.send();
    while (this.sending) await this.sending;
  }

  private get source(): string {
    return `x${this.run.epoch}`;
  }

  private send(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
      if (this.waiting.length > 0 || this.dropped.size > 0)
        this.timer ??= setTimeout(() => this.send(), BATCH_AFTER_MS);
    });
  }

  private async sendAll(): Promise<void> {
    for (;;) {
      if (this.numbered.length === 0) this.number();
      const next = this.numbered[0];
      if (!next) return;
      await this.publisher.publish(next.batch, () => {
        this.firstSent = true;
        this.onSent?.();
      });
      this.numbered.shift();
      this.firstSent = false;
      this.held -= next.bytes;
      this.publisher.release(next.bytes);
    }
  }

  private number(): void {
    for (const [kind, { count, first }] of this.dropped) {
      const reason = first === '' ? kind : `${kind}: ${first}`;
      this.waiting.push({ event: { type: 'dropped', at: now(), count, reason }, bytes: 0 });
    }
    this.dropped.clear();
    let index = 0;
    while (index < this.waiting.length) {
      const events: AnyEvent[] = [];
      let bytes = 0;
      for (; index < this.waiting.length && events.length < BATCH_EVENTS; index++) {
        const next = this.waiting[index] as Waiting;
        if (events.length > 0 && bytes + next.bytes > BATCH_BYTES) break;
        events.push(next.event);
        bytes += next.bytes;
      }
      const { play_sid, attempt } = this.run;
      const batch: EventBatch = { play_sid, attempt, source: this.source, batch: ++this.last, events };
      this.numbered.push({ batch, bytes });
    }
    this.waiting = [];
  }
}

export const now = (): string => new Date().toISOString();
