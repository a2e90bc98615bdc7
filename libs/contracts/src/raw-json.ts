/**
 * JSON that is carried as text. No service on the way parses it, so that keys keep their order, 1.0 stays 1.0, and a large value
 * does not block an event loop (decision 2).
 *
 * 1. `stringify` writes the text in place of the object. A reader that parses the result with JSON.parse gets the value.
 * 2. The text must be JSON: it comes from PostgreSQL's `json`, from JSON.stringify, or from JSON that was parsed.
 */
export class RawJson {
  constructor(readonly text: string) {}

  /** The parsed value, for code that needs it. */
  parse(): unknown {
    return JSON.parse(this.text);
  }

  toJSON(): unknown {
    if (!texts) return this.parse();
    texts.push(this.text);
    return PLACEHOLDER;
  }
}

/** Random and never sent out of this process, so no value can contain it. */
const PLACEHOLDER = `raw ${globalThis.crypto.randomUUID()}`;
const WRITTEN_PLACEHOLDER = JSON.stringify(PLACEHOLDER);
/** Set while `stringify` runs: the texts, in the order in which they are written. */
let texts: string[] | undefined;

/** JSON.stringify with support for RawJson. */
export function stringify(value: unknown): string {
  const own: string[] = [];
  const outer = texts;
  texts = own;
  let written: string;
  try {
    written = JSON.stringify(value) ?? 'null';
  } finally {
    texts = outer;
  }
  if (own.length === 0) return written;
  const pieces: string[] = [];
  let from = 0;
  for (const text of own) {
    const at = written.indexOf(WRITTEN_PLACEHOLDER, from);
    pieces.push(written.slice(from, at), text);
    from = at + WRITTEN_PLACEHOLDER.length;
  }
  pieces.push(written.slice(from));
  return pieces.join('');
}
