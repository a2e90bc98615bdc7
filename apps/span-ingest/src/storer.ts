/** Stores a group of messages, and returns what listeners get of it. */
import type { Log } from '@hero/bus';
import { messagesOf, type Numbered } from './announce.js';
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

export class Storer {
  constructor(
    private readonly ingest: Ingest,
    private readonly log: Log,
  ) {}

  /** Throws only what trying again later can help. */
  async store(group: readonly RawBatch[], messageLimit: number): Promise<StoredGroup> {
    const outcomes = await this.ingest.store(group.map((raw) => arrive(raw, this.log)));
    const told = new Map<string, Numbered[]>();
    for (const outcome of outcomes) {
      const numbered = 'told' in outcome ? outcome.told : undefined;
      if (!numbered) continue;
      const known = told.get(numbered.play_sid);
      if (known) known.push(numbered);
      else told.set(numbered.play_sid, [numbered]);
    }
    const messages = [...told].flatMap(([play_sid, batches]) =>
      messagesOf(play_sid, batches, messageLimit).map((data) => ({ play_sid, data })),
    );
    const refused = group.flatMap(({ play_sid }, i) => (outcomes[i]?.refused ? [play_sid] : []));
    return { verdicts: outcomes.map(({ kind }) => kind), refused, messages };
  }
}
