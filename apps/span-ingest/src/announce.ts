/**
 * Tells listeners of one play what was committed: NumberedBatches on `hero.play.<sid>.spans`, each below one NATS message.
 * Play, attempt and number are put in front of what the emitter wrote; nothing is parsed or written again.
 *
 * An event that is too large alone loses what makes it large in the live message only: its output first, then its tags,
 * its text and its error. `play_events` has it whole.
 */

/** An event that must be cut down keeps texts up to this many characters. */
const CUT_AT = 16_384;
/** Of a number, with the comma behind it. */
const NUMBER_BYTES = 11;
const [COMMA, END] = [44, Buffer.from(']}')];

/** A batch with the number of its first event. */
export interface Numbered {
  readonly play_sid: string;
  readonly attempt: number;
  readonly first_seq: number;
  /** The EventBatch as it is stored, and where its events stand in it (slices.ts). */
  readonly body: Buffer;
  readonly cuts: readonly number[];
}

/** The events of one play, in order. */
export function messagesOf(playSid: string, batches: readonly Numbered[], limit: number): Buffer[] {
  const message = new Message(
    playSid,
    limit,
    batches.reduce((sum, batch) => sum + bytesOf(batch), 0),
  );
  for (const { attempt, first_seq, body, cuts } of batches) {
    const stamp = Buffer.from(`{"play_sid":${JSON.stringify(playSid)},"attempt":${attempt},"seq":`);
    for (let i = 0; 2 * i < cuts.length; i++) {
      // Without its opening brace, which is that of the stamp.
      message.add(stamp, first_seq + i, body, (cuts[2 * i] as number) + 1, cuts[2 * i + 1] as number);
    }
  }
  return message.finished();
}

const STAMP_BYTES = 120;
const bytesOf = ({ body, cuts }: Numbered): number => body.length + (cuts.length / 2) * STAMP_BYTES;

/** Fills one message after the other. Each has bytes of its own: the connection sends them later. */
class Message {
  private readonly done: Buffer[] = [];
  private readonly head: Buffer;
  private readonly room: number;
  private bytes: Buffer;
  private at = 0;

  constructor(
    playSid: string,
    private readonly limit: number,
    private expected: number,
  ) {
    this.head = Buffer.from(`{"play_sid":${JSON.stringify(playSid)},"events":[`);
    this.room = limit - this.head.length - END.length;
    this.bytes = this.begun();
  }

  add(stamp: Buffer, seq: number, body: Buffer, from: number, to: number): void {
    const size = stamp.length + NUMBER_BYTES + to - from;
    if (size > this.room) {
      const whole = `${stamp.toString()}${seq},${body.toString('utf8', from, to)}`;
      return this.write(Buffer.from(cutDown(whole, this.room)));
    }
    this.begin(size);
    const { bytes } = this;
    let at = this.at;
    bytes.set(stamp, at);
    at += stamp.length;
    at += bytes.write(String(seq), at, 'latin1');
    bytes[at++] = COMMA;
    this.at = at + body.copy(bytes, at, from, to);
  }

  finished(): Buffer[] {
    this.end();
    return this.done;
  }

  private write(event: Buffer): void {
    this.begin(event.length);
    this.at += event.copy(this.bytes, this.at);
  }

  /** Makes room for one more event. */
  private begin(size: number): void {
    if (this.at + size + 1 + END.length > this.limit) this.end();
    if (this.at + size + 1 + END.length > this.bytes.length) this.grow(size);
    if (this.at > this.head.length) this.bytes[this.at++] = COMMA;
  }

  private end(): void {
    if (this.at <= this.head.length) return;
    this.at += END.copy(this.bytes, this.at);
    this.done.push(this.bytes.subarray(0, this.at));
    this.expected -= this.at;
    this.bytes = this.begun();
  }

  private begun(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.limit, Math.max(this.expected, 0) + this.head.length + 256));
    this.at = this.head.copy(bytes);
    return bytes;
  }

  private grow(size: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.limit, 2 * (this.at + size + 256)));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

function cutDown(text: string, room: number): string {
  const event = JSON.parse(text) as Record<string, unknown>;
  const fits = (): boolean => Buffer.byteLength(JSON.stringify(event)) < room;
  if (event.output !== undefined) event.output_omitted = true;
  delete event.output;
  if (!fits() && 'tags' in event) event.tags = {};
  if (!fits()) delete event.usage;
  if (!fits()) for (const [key, value] of Object.entries(event)) event[key] = short(value);
  if (!fits()) delete event.error;
  const { play_sid, attempt, seq, type, at } = event;
  return JSON.stringify(fits() ? event : { play_sid, attempt, seq, type, at });
}

const short = (value: unknown): unknown =>
  typeof value === 'string' && value.length > CUT_AT ? `${value.slice(0, CUT_AT)}…` : value;
