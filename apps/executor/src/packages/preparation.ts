/**
 * What a play sees while its packages are installed: a span below its root with the installer's lines.
 *
 * 1. Where everything is there already, nothing of this happens.
 * 2. Meanwhile its time limit stands still, and its slot is lent to other plays.
 */
import { createHash } from 'node:crypto';
import { playPrepare, type Run } from '@hero/contracts';
import { type History, now } from '../history.js';
import type { RegistryCalls } from '../registry-calls.js';
import type { Slot } from '../slots.js';
import type { Environments, Opened } from './environments.js';

const ROOT_PLACE = '0'.repeat(32);
const PLACE = createHash('sha256').update('packages').digest('hex').slice(0, 32);
const SLOT_WITHIN_MS = 10 * 60_000;

/** Its packages are there, and this executor is too busy to run it. */
export class NoSlot extends Error {}

export interface Prepared extends Opened {
  remainingMs: number | null;
}

export class Preparation {
  private startedAt?: number;
  private lent = false;
  private stopping?: Promise<unknown>;

  constructor(
    private readonly run: Run,
    private readonly slot: Slot,
    private readonly history: History,
    private readonly calls: RegistryCalls,
    private readonly signal: AbortSignal,
  ) {}

  async wait(environments: Environments): Promise<Prepared> {
    const { run, signal } = this;
    let opened: Opened | undefined;
    try {
      opened = await environments.prepare(run, (line) => this.hear(line), signal);
      const remainingMs = await this.goOn();
      this.end('success');
      return { ...opened, remainingMs };
    } catch (error) {
      opened?.use[Symbol.dispose]();
      const message = error instanceof Error ? error.message : String(error);
      if (signal.aborted) this.end('cancelled');
      else this.end('failed', { type: 'PackagesNotInstalled', message });
      throw error;
    }
  }

  private hear(line: string): void {
    if (this.startedAt === undefined) this.begin();
    this.history.add({ type: 'log', at: now(), span_id: this.span, text: line, stream: 'log' });
  }

  private begin(): void {
    this.startedAt = performance.now();
    this.lent = this.slot.lend();
    this.stopping = this.setPreparing(true);
    this.stopping.catch(() => undefined);
    this.history.add({
      type: 'span_started',
      at: now(),
      span_id: this.span,
      parent_id: spanId(this.run, ROOT_PLACE),
      name: 'packages',
      kind: 'other',
      place: PLACE,
      tags: { requirements: this.run.requirements },
      source_file: null,
      source_line: null,
    });
  }

  /** Takes a slot again and lets the time go on (rule 2); what is left of it. */
  private async goOn(): Promise<number | null> {
    if (this.startedAt === undefined) return this.run.remaining_ms;
    if (this.lent && !(await this.slot.back(SLOT_WITHIN_MS))) throw new NoSlot('no slot became free');
    await this.stopping;
    const { held, remaining_ms } = await this.setPreparing(false);
    if (!held) throw new Error('the play is no longer this executor’s');
    return remaining_ms;
  }

  private setPreparing(preparing: boolean): Promise<{ held: boolean; remaining_ms: number | null }> {
    const { play_sid, epoch } = this.run;
    const owner = this.calls.owner;
    return this.calls.untilAnswered(playPrepare, { owner, play_sid, epoch, preparing }, this.signal);
  }

  private end(status: 'success' | 'failed' | 'cancelled', error?: { type: string; message: string }): void {
    if (this.startedAt === undefined) return;
    const duration_ms = Math.round(performance.now() - this.startedAt);
    this.history.add({ type: 'span_ended', at: now(), span_id: this.span, status, duration_ms, error });
  }

  private get span(): string {
    return spanId(this.run, PLACE);
  }
}

/** As `span_id` of the SDK (docs/protocol.md, 1). */
const spanId = ({ play_sid }: Run, place: string): string =>
  createHash('sha256').update(`${play_sid}|${place}|0`).digest('hex').slice(0, 16);
