/**
 * JSON that is carried as text: nobody on the way parses it, so that keys keep their order, 1.0 stays 1.0, and a large value costs
 * no time in anybody's event loop (decision 2).
 *
 * 1. `stringify` writes the text where the object stands. Whoever reads the result with JSON.parse sees the value.
 * 2. Only text that is JSON is put in: it comes from PostgreSQL's `json`, from JSON.stringify, or out of JSON that was parsed.
 */
export class RawJson {
  constructor(readonly text: string) {}

  /** The value, for whoever needs to look into it. */
  parse(): unknown {
    return JSON.parse(this.text);
  }

  toJSON(): unknown {
    if (!texts) return this.parse();
    texts.push(this.text);
    return PLACEHOLDER;
  }
}

/** Nobody outside of this process has seen it, so no value contains it. */
const PLACEHOLDER = `raw ${globalThis.crypto.randomUUID()}`;
const WRITTEN_PLACEHOLDER = JSON.stringify(PLACEHOLDER);
/** Set while `stringify` runs: the texts, in the order in which they are written. */
let texts: string[] | undefined;

/** JSON.stringify that knows RawJson. */
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
