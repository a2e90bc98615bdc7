/** Events of one play in the order of their numbers, encoded once as server-sent events and shared by all viewers. */
import { isFinal, PLAY_STATUSES, type PlayEvent } from '@hero/contracts';
import { frame } from './sse.js';

/** Whether an event ends or reopens its play. */
type Turn = 'ended' | 'reopened' | undefined;

const FINAL = new Set<string>(PLAY_STATUSES.filter(isFinal));

function turnOf(event: PlayEvent): Turn {
  if (event.type === 'attempt_started') return 'reopened';
  if (event.type !== 'status') return undefined;
  return FINAL.has(event.status) ? 'ended' : 'reopened';
}

export class EventRun {
  private constructor(
    private readonly seqs: readonly number[],
    private readonly turns: readonly Turn[],
    /** Offsets in `all`: the start of each event, and the end of the last one. */
    private readonly offsets: readonly number[],
    private readonly all: Buffer,
  ) {}

  static of(events: readonly PlayEvent[]): EventRun {
    const texts = events.map((event) => frame('event', event, event.seq));
    const offsets = [0];
    for (const text of texts) offsets.push((offsets.at(-1) ?? 0) + Buffer.byteLength(text));
    return new EventRun(
      events.map(({ seq }) => seq),
      events.map(turnOf),
      offsets,
      Buffer.from(texts.join('')),
    );
  }

  get length(): number {
    return this.seqs.length;
  }

  get first(): number | undefined {
    return this.seqs[0];
  }

  get last(): number | undefined {
    return this.seqs.at(-1);
  }

  /** The encoded events; all viewers share this memory. */
  get bytes(): Buffer {
    return this.all.subarray(this.offsets[0], this.offsets.at(-1));
  }

  /** The newest event of this run that ends or reopens the play. */
  get turn(): Turn {
    return this.turns.findLast((turn) => turn !== undefined);
  }

  get reopens(): boolean {
    return this.turns.includes('reopened');
  }

  after(seq: number): EventRun {
    const from = this.seqs.findIndex((one) => one > seq);
    return this.slice(from < 0 ? this.length : from, this.length);
  }

  /** The first events up to a hole in the numbers; `seq` is the number before the first. */
  unbroken(seq: number): EventRun {
    const end = this.seqs.findIndex((one, index) => one !== seq + 1 + index);
    return end < 0 ? this : this.slice(0, end);
  }

  private slice(from: number, to: number): EventRun {
    if (from === 0 && to === this.length) return this;
    const { seqs, turns, offsets, all } = this;
    return new EventRun(seqs.slice(from, to), turns.slice(from, to), offsets.slice(from, to + 1), all);
  }
}
