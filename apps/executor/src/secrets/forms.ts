/**
 * The forms in which a secret may stand in a text, as the source of one regular expression. The SDK builds the same one
 * (sdk-python/src/hero_tracing/_secrets/forms.py); conformance/golden/secrets.json has the cases that both must meet.
 *
 * 1. As it is, with any characters of it escaped as in URLs, JSON (at any depth) or HTML.
 * 2. As base64 and base64url, also inside a longer text that was encoded with it; as hexadecimal digits.
 * 3. A value of several lines also counts line by line, because output is reported in lines.
 */

/** A line of a secret that is shorter says too little to be recognised. */
const LEAST_LINE = 16;
const HTML: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/** The values that count as this secret: the value, and the long lines of one that has several (rule 3). */
export function valuesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  if (lines.length === 1) return [secret];
  const armor = /^-----.*-----$/;
  return [secret, ...lines.filter((line) => line.length >= LEAST_LINE && !armor.test(line))];
}

export function formsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const plain = [...value].map(escaped).join('');
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset));
  const hex = [...bytes.toString('hex')].map((digit) => anyCase(digit)).join('');
  return [plain, ...base64, hex];
}

/** One character, as it is or escaped. */
function escaped(character: string): string {
  if (/[A-Za-z0-9_.-]/.test(character)) return character === '.' ? '\\.' : character;
  const url = percent(Buffer.from(character, 'utf8'));
  if (character === '\n') return `(?:\\r?\\n|(?:\\\\+r)?\\\\+n|(?:%0[dD])?${url})`;
  if (character === '\r') return `(?:\\r|\\\\+r|${url})?`;
  if (character === '\t') return `(?:\\t|\\\\+t|${url})`;
  const units = [...Array(character.length).keys()].map((index) => unicode(character.charCodeAt(index))).join('');
  if (character === '\\') return `(?:\\\\+|${units}|${url})`;
  const html = HTML[character];
  const code = character.codePointAt(0) ?? 0;
  const entities = html === undefined ? '' : `|&(?:${html}|#0*${code}|#[xX]0*${anyCase(code.toString(16))});`;
  const plus = character === ' ' ? '|\\+' : '';
  return `(?:\\\\*${literal(character)}|${units}|${url}${plus}${entities})`;
}

const unicode = (unit: number): string => `\\\\+u${anyCase(unit.toString(16).padStart(4, '0'))}`;

/** Percent-encoded, also several times. */
const percent = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `%(?:25)*${anyCase(byte.toString(16).padStart(2, '0'))}`).join('');

const anyCase = (hex: string): string =>
  [...hex].map((digit) => (/[a-f]/.test(digit) ? `[${digit}${digit.toUpperCase()}]` : digit)).join('');

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** What every base64 text has that encodes these bytes after `offset` others (modulo 3): the digits that depend on nothing else. */
function base64At(bytes: Uint8Array, offset: number): string {
  const digits = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  const known = digits.slice(first, end);
  return known.replace(/[+/]/g, (digit) => (digit === '+' ? PLUS : SLASH));
}
const PLUS = '(?:[+-]|%(?:25)*2[bB])';
const SLASH = '(?:\\\\*[/]|_|%(?:25)*2[fF])';
