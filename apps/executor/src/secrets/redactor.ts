/**
 * Finds secrets in texts by their values, and replaces them by their names.
 *
 * 1. What is cut elsewhere ends in `…`: the beginning of a secret before it counts as the secret.
 * 2. A JSON text is searched as it stands and changed by its strings, so that it stays JSON.
 */
import { isRecord } from '@hero/json';
import { formsOf, valuesOf } from './forms.js';

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
  private readonly names: string[] = [];
  private readonly beginnings: { name: string; text: string }[] = [];
  private readonly pattern: RegExp;

  constructor(secrets: readonly Secret[]) {
    const values = secrets
      .flatMap(({ name, value }) => valuesOf(value).map((one) => ({ name, value: one })))
      .sort((a, b) => b.value.length - a.value.length);
    const groups = values.map(({ name, value }) => {
      this.names.push(name);
      for (const text of spellings(value)) this.beginnings.push({ name, text });
      return `(${formsOf(value).join('|')})`;
    });
    this.pattern = new RegExp(groups.join('|') || '(?!)', 'g');
  }

  /** The name of a secret in this text. */
  find(text: string): string | undefined {
    this.pattern.lastIndex = 0;
    const found = this.pattern.exec(text);
    return found ? this.nameOf(found) : undefined;
  }

  /** Whether something in this JSON text may have to be replaced. */
  maySee(json: string): boolean {
    return this.names.length > 0 && (this.find(json) !== undefined || CUT_IN_JSON.test(json));
  }

  text(text: string): string {
    if (this.names.length === 0) return text;
    const shown = text.replace(this.pattern, (...found) => redacted(this.nameOf(found)));
    return shown.includes(CUT) ? this.withoutBeginnings(shown) : shown;
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

  private nameOf(found: readonly unknown[]): string {
    const group = found.findIndex((one, index) => index > 0 && one !== undefined);
    return this.names[group - 1] ?? '';
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
    const end = before.replace(/[\s\uFFFD]+$/, '').length;
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
