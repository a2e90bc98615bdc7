/**
 * The JSON values that the runtime accepts. A value passes through PostgreSQL, Python and JavaScript and must come back unchanged.
 *
 * 1. No NUL and no lone surrogate in any text or key: PostgreSQL stores neither, Python encodes no surrogates.
 * 2. No integer beyond ±(2⁵³−1): JavaScript would round it silently.
 * 3. No deeper than VALUE_DEPTH_LIMIT levels. (scan.ts limits a whole request to REQUEST_VALUE_DEPTH_LIMIT.)
 */
import { HeroError, type Issue, type Json, textFault } from '@hero/contracts';

const VALUE_DEPTH_LIMIT = 64;
/** Enough to correct a form; a longer list does not help a caller. */
export const ISSUE_LIMIT = 200;

const UNPRINTABLE = /[\p{Cc}\p{Surrogate}]/gu;
/** From here on JavaScript writes integers with an exponent, and Python reads those as floats. */
const WRITTEN_AS_FLOAT = 1e21;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function numberFault(value: number): string | undefined {
  if (!Number.isFinite(value)) return 'must be a finite number';
  const rounded = Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < WRITTEN_AS_FLOAT;
  return rounded ? 'is an integer beyond ±(2⁵³−1), which JSON readers round; pass it as a string' : undefined;
}

/** A key as part of a path: characters that cannot be shown are escaped. */
const pathKey = (key: string): string =>
  key.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

export const pathTo = (path: string, key: string | number): string =>
  path === '' ? pathKey(String(key)) : `${path}.${typeof key === 'number' ? key : pathKey(key)}`;

/** The reasons why the runtime cannot accept a value, each with its path; at most ISSUE_LIMIT. */
export function jsonFaults(value: unknown, path: string): Issue[] {
  const walk = new Walk(path);
  walk.into(value);
  return walk.issues;
}

/** Builds a path only for a fault: for a value of a million nodes, paths would cost more than the check itself. */
class Walk {
  readonly issues: Issue[] = [];
  private readonly keys: (string | number)[] = [];

  constructor(private readonly root: string) {}

  into(value: unknown): void {
    if (this.issues.length >= ISSUE_LIMIT) return;
    if (typeof value === 'string') this.fault(textFault(value));
    else if (typeof value === 'number') this.fault(numberFault(value));
    else if (typeof value === 'object' && value !== null) this.members(value);
  }

  private members(value: object): void {
    if (this.keys.length >= VALUE_DEPTH_LIMIT) return this.fault(`is nested deeper than ${VALUE_DEPTH_LIMIT} levels`);
    const depth = this.keys.length;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        this.keys[depth] = index;
        this.into(value[index]);
      }
    } else {
      for (const [key, item] of Object.entries(value)) {
        this.keys[depth] = key;
        const keyFault = textFault(key);
        if (keyFault) this.fault(`its name ${keyFault}`);
        this.into(item);
      }
    }
    this.keys.length = depth;
  }

  private fault(message: string | undefined): void {
    if (message !== undefined) this.issues.push({ path: this.keys.reduce<string>(pathTo, this.root), message });
  }
}

/** Refuses parameters that PostgreSQL cannot store or compare; the error has all faults. */
export function refuseUnstorable(params: object): void {
  const issues = jsonFaults(params, '');
  if (issues.length === 0) return;
  throw new HeroError('INVALID_PARAMS', 'The parameters contain a value that cannot be stored; see issues.', {
    issues,
  });
}

/** A text that is the same for equal JSON values, regardless of the order of their keys. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalText(value[key])}`).join(',')}}`;
}

/** Whether two JSON values are equal, regardless of the order of keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}

/** Describes a value in an error message: its kind, and the value itself where it is short. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'string':
      return `the string ${shorten(JSON.stringify(value.slice(0, SHOWN)))}`;
    case 'number':
      return `the ${Number.isInteger(value) ? 'integer' : 'number'} ${value}`;
    case 'boolean':
      return `the boolean ${value}`;
    case 'object':
      return 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/** A value from a declaration, as an error message shows it. */
export const written = (value: Json): string => shorten(JSON.stringify(value));

/** Cuts before quoting, so that a text of megabytes is not quoted whole. */
const SHOWN = 60;
const shorten = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN - 3)}…` : text);
