/** A message with batches of several plays: EventBatches as JSON.stringify writes them, one a line, no line break within one. */
const NEWLINE = 10;
const HEAD = /^\{"play_sid":"([^"\\]+)"/;
const LONGEST_HEAD = 128;

/** Views of the message's bytes. */
export function linesOf(data: Uint8Array): Buffer[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, from);
    const to = end < 0 ? bytes.length : end;
    if (to > from) lines.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return lines;
}

/** The play that a batch names. */
export const playOf = (line: Buffer): string | undefined => HEAD.exec(line.toString('utf8', 0, LONGEST_HEAD))?.[1];
