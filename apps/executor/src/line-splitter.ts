/**
 * Cuts a stream of bytes into lines. Parts of an unfinished line are kept as they came and joined once, so that a long
 * line costs its length and not its square; one longer than the limit is never held.
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
  /** The rest of a line that was too long is still to come. */
  private skipping = false;

  constructor(
    private readonly limit: number,
    /** Called once for each line that is too long, which is then left out. Default: throws LineTooLong. */
    private readonly onTooLong: () => void = () => {
      throw new LineTooLong(limit);
    },
  ) {}

  /** The lines that this chunk completes, without their newlines. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.complete(chunk.subarray(start, end));
      if (line) lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
    return lines;
  }

  /** Bytes of a line that was begun and not ended. */
  get unfinished(): number {
    return this.held;
  }

  private complete(last: Buffer): Buffer | undefined {
    if (this.held === 0 && !this.skipping && last.length <= this.limit) return last;
    this.keep(last);
    const line = this.skipping ? undefined : Buffer.concat(this.parts, this.held);
    this.forget();
    this.skipping = false;
    return line;
  }

  private keep(part: Buffer): void {
    if (this.skipping) return;
    this.held += part.length;
    if (this.held <= this.limit) {
      this.parts.push(part);
      return;
    }
    this.forget();
    this.skipping = true;
    this.onTooLong();
  }

  private forget(): void {
    this.parts = [];
    this.held = 0;
  }
}
