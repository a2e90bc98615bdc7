/**
 * Numbered batches of events on their way into JetStream. What plays hold in all is bounded here (`room`), so that a
 * stream that takes nothing costs events (counted, I10) and never memory; publishing delays no commit of a step (for ends: history.ts).
 */
import { BatchPublisher, type Bus, backoff, ensureStream, TELEMETRY_SETTINGS } from '@hero/bus';
import { type EventBatch, MIB } from '@hero/contracts';
import { failpoint } from '@hero/service-kit';

const ALL_PLAYS_LIMIT = 64 * MIB;
const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 1_000;

export class Publisher {
  private held = 0;
  private readonly closing = new AbortController();
  private readonly pending = new Set<Promise<void>>();

  private readonly batches: BatchPublisher;
  private readonly ready: Promise<unknown>;

  constructor(private readonly bus: Bus) {
    this.batches = new BatchPublisher(bus);
    // Without its stream a first batch would wait for an answer that nobody gives.
    this.ready = ensureStream(bus.jsm, TELEMETRY_SETTINGS.stream).catch(() => undefined);
  }

  /** Whether there is room for an event of this size. */
  hasRoom(bytes: number): boolean {
    return this.held + bytes <= ALL_PLAYS_LIMIT;
  }

  reserve(bytes: number): void {
    this.held += bytes;
  }

  release(bytes: number): void {
    this.held -= bytes;
  }

  /** Resolves when the batch is stored; what is refused is published again, with the same number. `sent`: each time it is on its way. */
  publish(batch: EventBatch, sent: () => void): Promise<void> {
    const published = this.untilStored(batch, sent).finally(() => this.pending.delete(published));
    this.pending.add(published);
    return published;
  }

  /** Waits for what is under way, at most so long. */
  async close(withinMs: number): Promise<void> {
    const late = setTimeout(() => this.closing.abort(), withinMs);
    while (this.pending.size > 0) await Promise.allSettled(this.pending);
    clearTimeout(late);
  }

  private async untilStored(batch: EventBatch, sent: () => void): Promise<void> {
    await this.ready;
    const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    while (!this.closing.signal.aborted) {
      try {
        await failpoint('executor.publish.before');
        if (this.bus.connected) {
          await this.batches.publish(batch, sent);
          await failpoint('executor.publish.after');
          return;
        }
      } catch (err) {
        this.bus.log.warn({ err, play_sid: batch.play_sid, batch: batch.batch }, 'events not stored yet');
        // The stream may have been deleted with its folder; then it is created again here.
        await ensureStream(this.bus.jsm, TELEMETRY_SETTINGS.stream).catch(() => undefined);
      }
      await retry.wait(this.closing.signal).catch(() => undefined);
    }
  }
}
