/**
 * Scans JSON bytes before they are parsed. JSON.parse accepts millions of levels and blocks for seconds; this scan stops at
 * the first level beyond the limit, skips strings, and notes what decides whether a body may be parsed at all.
 * It is not a parser: it may accept text that is not JSON.
 */
const REQUEST_DEPTH_LIMIT = 64;
/** Keys that change the prototype of an object when they are assigned; they are refused. */
const REFUSED_KEYS = new Set(['__proto__', 'constructor']);
const LONGEST_WORD = 512;
const SHORT = 64;

export interface ScannedCall {
  /** Size in bytes of this call alone. */
  bytes: number;
  /** Values of its members `method` and `id`, where they are short and valid. */
  method?: unknown;
  id?: unknown;
  /** Whether it has a refused key at any depth. */
  refusedKey: boolean;
  /** Byte ranges of the values of its parameters, by name; only of short names. */
  params: Map<string, readonly [from: number, to: number]>;
}

export interface Scan {
  /** The body is nested deeper than REQUEST_DEPTH_LIMIT; the scan stopped there. */
  tooDeep: boolean;
  batch: boolean;
  calls: ScannedCall[];
}

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

export function scanJson(bytes: Buffer): Scan {
  return new Scanner(bytes).run();
}

const newCall = (): ScannedCall => ({ bytes: 0, refusedKey: false, params: new Map() });

class Scanner {
  private readonly calls: ScannedCall[] = [];
  private at = 0;
  private depth = 0;
  /** Depth of the members of a call. */
  private level = 1;
  private start = 0;
  private call = newCall();
  private member?: { name: 'method' | 'id'; from: number };
  private isInParams = false;
  private param?: { name: string; from: number };

  constructor(private readonly bytes: Buffer) {}

  run(): Scan {
    const { bytes } = this;
    while (isSpace(bytes[this.at])) this.at++;
    const batch = bytes[this.at] === OPEN_LIST;
    if (batch) this.level = 2;
    this.start = batch ? this.at + 1 : this.at;
    for (; this.at < bytes.length; this.at++) {
      const byte = bytes[this.at];
      if (byte === QUOTE) this.string();
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        // The list of a batch is not counted: each of its calls may be as deep as one alone.
        if (++this.depth - (this.level - 1) > REQUEST_DEPTH_LIMIT) return { tooDeep: true, batch, calls: [] };
      } else if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.close(byte, batch);
    }
    if (!batch) this.endCall(bytes.length);
    return { tooDeep: false, batch, calls: this.calls };
  }

  private close(byte: number, batch: boolean): void {
    if (this.depth === this.level) this.endMember();
    if (this.depth === this.level + 1 && this.param) {
      // In the order of their positions, also where a name is repeated.
      this.call.params.delete(this.param.name);
      this.call.params.set(this.param.name, [this.param.from, this.at]);
      this.param = undefined;
    }
    if (batch && this.depth === 1 && byte !== CLOSE_OBJECT) this.endCall(this.at);
    if (byte !== COMMA) this.depth--;
  }

  private endCall(end: number): void {
    let from = this.start;
    while (from < end && isSpace(this.bytes[from])) from++;
    this.call.bytes = end - from;
    if (end > from) this.calls.push(this.call);
    this.call = newCall();
    this.start = end + 1;
  }

  private endMember(): void {
    const { member } = this;
    this.member = undefined;
    this.isInParams = false;
    if (!member || this.at - member.from > LONGEST_WORD) return;
    try {
      this.call[member.name] = JSON.parse(this.bytes.toString('utf8', member.from, this.at));
    } catch {
      // Not JSON: the parser reports it.
    }
  }

  /** Reads up to the closing quote; a string before a colon is a key. */
  private string(): void {
    const { bytes } = this;
    const from = this.at + 1;
    let end = from;
    let escaped = false;
    // Most strings are short, and for them a loop is faster than a call to indexOf. Long strings are skipped with indexOf.
    const near = Math.min(from + SHORT, bytes.length);
    while (end < near && bytes[end] !== QUOTE) {
      if (bytes[end] === BACKSLASH) {
        escaped = true;
        end++;
      }
      end++;
    }
    if (end >= near) {
      end = bytes.indexOf(QUOTE, end);
      while (end > 0 && escapes(bytes, end, from) % 2 === 1) end = bytes.indexOf(QUOTE, end + 1);
    }
    this.at = end < 0 ? bytes.length : end;
    let next = this.at + 1;
    while (isSpace(bytes[next])) next++;
    if (bytes[next] !== COLON) return;
    const length = this.at - from;
    const isNamed = this.depth === this.level || (this.isInParams && this.depth === this.level + 1);
    const mayMatter = escaped || length === 9 || length === 11 || (isNamed && length < SHORT);
    if (!mayMatter || length > LONGEST_WORD) return;
    const key = keyOf(bytes, from, this.at);
    if (key === undefined) return;
    if (REFUSED_KEYS.has(key)) this.call.refusedKey = true;
    if (this.depth === this.level && (key === 'method' || key === 'id')) this.member = { name: key, from: next + 1 };
    else if (this.depth === this.level && key === 'params') {
      // Of a repeated member the last value counts, as for JSON.parse.
      this.call.params.clear();
      this.isInParams = true;
    } else if (isNamed && this.isInParams) this.param = { name: key, from: next + 1 };
  }
}

/** Number of backslashes directly before this position. */
function escapes(bytes: Buffer, at: number, from: number): number {
  let count = 0;
  while (at - 1 - count >= from && bytes[at - 1 - count] === BACKSLASH) count++;
  return count;
}

function keyOf(bytes: Buffer, from: number, to: number): string | undefined {
  const text = bytes.toString('utf8', from, to);
  if (!text.includes('\\')) return text;
  try {
    const key: unknown = JSON.parse(`"${text}"`);
    return typeof key === 'string' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Dotted paths of the refused keys in a parsed value. */
export function refusedKeys(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, key];
    return [...(REFUSED_KEYS.has(key) && !Array.isArray(value) ? [here.join('.')] : []), ...refusedKeys(inner, here)];
  });
}
