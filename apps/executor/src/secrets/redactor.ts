/**
 * Finds secrets in texts by their values, and replaces them by their names.
 *
 * 1. What is cut elsewhere ends in `…`: the beginning of a secret before it counts as the secret.
 * 2. A JSON text is searched as it stands and changed by its strings, so that it stays JSON.
 * 3. A text that cannot be searched counts as a secret, and the error is not passed on: that of a RegExp quotes the secret.
 */
import { isRecord } from '@hero/json';
import { Finder } from './finder.js';
import { valuesOf } from './forms.js';

/** So many characters of a secret are recognised before a cut. */
const LEAST_BEGINNING = 6;
const CUT = '…';
/** As it stands in a JSON text. */
const CUT_IN_JSON = /…|\\u2026/;

export interface Secret {
  readonly name: string;
  readonly value: string;
}

const redacted = (name: string): string => `(redacted: ${name})`;

export class Redactor {
  private readonly finders: readonly Finder[];
  private readonly beginnings: readonly { name: string; text: string }[];

  constructor(secrets: readonly Secret[]) {
    const values = secrets
      .flatMap(({ name, value }) => valuesOf(value).map((one) => ({ name, value: one })))
      .sort((a, b) => b.value.length - a.value.length);
    this.finders = values.flatMap(({ name, value }) => Finder.all(name, value));
    this.beginnings = values.flatMap(({ name, value }) => spellings(value).map((text) => ({ name, text })));
  }

  /** The name of a secret in this text. */
  find(text: string): string | undefined {
    let name: string | undefined; // of the one that is searched for now
    try {
      for (const finder of this.finders) {
        name = finder.name;
        if (finder.next(text, 0)) return name;
      }
      return undefined;
    } catch {
      return name; // rule 3
    }
  }

  /** Whether something in this JSON text may have to be replaced. */
  maySee(json: string): boolean {
    return this.finders.length > 0 && (this.find(json) !== undefined || CUT_IN_JSON.test(json));
  }

  text(text: string): string {
    const shown = this.withoutSecrets(text);
    return this.beginnings.length > 0 && shown.includes(CUT) ? this.withoutBeginnings(shown) : shown;
  }

  /** The strings and keys in a value of JSON; the same value where nothing was found. */
  value<T>(value: T): T {
    return this.walk(value, 0) as T;
  }

  /** As `value`, for a JSON text. */
  json(text: string): string {
    if (!this.maySee(text)) return text;
    return JSON.stringify(this.walk(JSON.parse(text), 0));
  }

  /** Numbers at the top are those of an event or an error itself (its duration), and never a play's. */
  private walk(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number' && depth > 1) return this.find(String(value)) ? this.text(String(value)) : value;
    if (Array.isArray(value)) return value.map((one: unknown) => this.walk(one, depth + 1));
    if (!isRecord(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [this.text(key), this.walk(inner, depth + 1)]),
    );
  }

  /** What begins first is replaced first; of several at one place, the longest value. */
  private withoutSecrets(text: string): string {
    let shown = '';
    let from = 0;
    try {
      let left = this.finders.flatMap((finder) => finder.next(text, 0) ?? []);
      while (left.length > 0) {
        const first = left.reduce((a, b) => (b.start < a.start ? b : a));
        shown += text.slice(from, first.start) + redacted(first.finder.name);
        from = first.end;
        left = left.flatMap((one) => (one.start >= from ? one : (one.finder.next(text, from) ?? [])));
      }
      return shown + text.slice(from);
    } catch {
      return redacted(this.finders[0]?.name ?? ''); // rule 3
    }
  }

  /** Rule 1. */
  private withoutBeginnings(text: string): string {
    let shown = '';
    let from = 0;
    for (let at = text.indexOf(CUT); at !== -1; at = text.indexOf(CUT, at + 1)) {
      const before = text.slice(from, at);
      shown += this.withoutBeginning(before) + CUT;
      from = at + 1;
    }
    return shown + text.slice(from);
  }

  private withoutBeginning(before: string): string {
    let end = before.length;
    while (end > 0 && /[\s\uFFFD]/.test(before.charAt(end - 1))) end--;
    for (const { name, text } of this.beginnings) {
      const first = text.slice(0, LEAST_BEGINNING);
      for (
        let at = before.indexOf(first, Math.max(0, end - text.length));
        at !== -1;
        at = before.indexOf(first, at + 1)
      ) {
        if (text.startsWith(before.slice(at, end))) return before.slice(0, at) + redacted(name) + before.slice(end);
      }
    }
    return before;
  }
}

/** The forms whose beginning is looked for: as it is, in JSON, in a URL, in base64. */
function spellings(value: string): string[] {
  const base64 = Buffer.from(value, 'utf8').toString('base64');
  return [...new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64])];
}
