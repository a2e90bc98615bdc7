/**
 * Cuts a stream of bytes into lines. Parts of an unfinished line are kept as they came and joined once, so that a long
 * line costs its length and not its square; one longer than the limit is refused before it is held.
 */
const NEWLINE = 10;

export class LineTooLong extends Error {
  constructor(readonly limit: number) {
    super(`a line is longer than ${limit} bytes`);
    this.name = 'LineTooLong';
  }
}

export class LineSplitter {
  private parts: Buffer[] = [];
  private held = 0;

  constructor(private readonly limit: number) {}

  /** The lines that this chunk completes, without their newlines. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(this.complete(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
    return lines;
  }

  /** Bytes of a line that was begun and not ended. */
  get unfinished(): number {
    return this.held;
  }

  private complete(last: Buffer): Buffer {
    if (this.held + last.length > this.limit) throw new LineTooLong(this.limit);
    if (this.held === 0) return last;
    const line = Buffer.concat([...this.parts, last], this.held + last.length);
    this.parts = [];
    this.held = 0;
    return line;
  }

  private keep(part: Buffer): void {
    this.held += part.length;
    if (this.held > this.limit) throw new LineTooLong(this.limit);
    this.parts.push(part);
  }
}
