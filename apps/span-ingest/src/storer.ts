/** What a writer asks for: to store a group of messages, and to return the events that listeners get. It works in this thread or in another. */
import type { Log } from '@hero/bus';
import { messagesOf } from './announce.js';
import { arrive } from './arrival.js';
import type { Ingest, Outcome } from './numbering.js';
import type { RawBatch } from './raw-batch.js';

export type Verdict = Outcome['kind'];

export interface StoredGroup {
  /** In the order of the group. */
  verdicts: Verdict[];
  /** Plays of which the database refused events. */
  refused: string[];
  /** NumberedBatches, in order within each play. */
  messages: { play_sid: string; data: Uint8Array }[];
}

export interface Storer {
  /** Throws only what trying again later can help. */
  store(group: readonly RawBatch[], messageLimit: number): Promise<StoredGroup>;
}

export class OwnStorer implements Storer {
  private readonly encoder = new TextEncoder();

  constructor(
    private readonly ingest: Ingest,
    private readonly log: Log,
  ) {}

  async store(group: readonly RawBatch[], messageLimit: number): Promise<StoredGroup> {
    const outcomes = await this.ingest.store(group.map((raw) => arrive(raw, this.log)));
    const texts = new Map<string, string[]>();
    group.forEach(({ play_sid }, i) => {
      const outcome = outcomes[i];
      if (!outcome || !('texts' in outcome)) return;
      const known = texts.get(play_sid);
      if (known) for (const text of outcome.texts) known.push(text);
      else texts.set(play_sid, outcome.texts);
    });
    const messages = [...texts].flatMap(([play_sid, numbered]) =>
      messagesOf(play_sid, numbered, messageLimit).map((text) => ({ play_sid, data: this.encoder.encode(text) })),
    );
    const refused = group.flatMap(({ play_sid }, i) => (outcomes[i]?.refused ? [play_sid] : []));
    return { verdicts: outcomes.map(({ kind }) => kind), refused, messages };
  }
}
