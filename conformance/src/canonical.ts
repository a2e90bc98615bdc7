import { createHash } from 'node:crypto';

/**
 * A second, independent implementation of canonical JSON and places (docs/protocol.md, section 1). It exists so that the
 * golden files are proven by two languages; the SDK's own is `sdk-python/src/hero_tracing/_canonical.py`.
 */
export class NotJson extends Error {
  constructor(
    readonly path: string,
    problem: string,
  ) {
    super(`${path}: ${problem}`);
  }
}

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const LONE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

export function canonical(value: unknown, path = 'value'): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') {
    if (LONE.test(value)) throw new NotJson(path, 'a lone surrogate is not Unicode text');
    return JSON.stringify(value);
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new NotJson(path, `${value} is not a JSON number`);
    return JSON.stringify(value);
  }
  if (typeof value === 'bigint') {
    if (value > LARGEST || value < -LARGEST) throw new NotJson(path, 'an integer beyond 2**53 - 1');
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item, index) => canonical(item, `${path}[${index}]`)).join(',')}]`;
  if (typeof value !== 'object') throw new NotJson(path, `a ${typeof value} is not JSON`);
  // Array.prototype.sort without a comparison sorts by UTF-16 code units, as RFC 8785 requires.
  const members = Object.keys(value)
    .sort()
    .map((key) => {
      const inner = `${path}.${key}`;
      return `${canonical(key, inner)}:${canonical(Reflect.get(value, key), inner)}`;
    });
  return `{${members.join(',')}}`;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const placeOf = (parent: string, branch: string, name: string, args: unknown, n: number): string =>
  sha256(canonical([parent, branch, name, args, n])).slice(0, 32);
export const stepKeyOf = (versionSid: string, place: string): string =>
  createHash('sha1').update(`${versionSid}|${place}`).digest('hex');
export const spanIdOf = (playSid: string, place: string, tries = 0): string =>
  sha256(`${playSid}|${place}|${tries}`).slice(0, 16);
export const idempotencyKeyOf = (playSid: string, stepKey: string): string =>
  sha256(`${playSid}|${stepKey}`).slice(0, 32);
export const resumeIdOf = (playSid: string, place: string): string => sha256(`resume|${playSid}|${place}`).slice(0, 32);
