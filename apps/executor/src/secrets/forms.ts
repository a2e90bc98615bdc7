/**
 * The forms in which a secret may stand in a text, as sources of regular expressions. The SDK builds the same ones
 * (sdk-python/src/hero_tracing/_secrets/forms.py); conformance/golden/secrets.json has the cases that both must meet.
 *
 * 1. As it is, with any characters of it escaped as in URLs, JSON (at any depth) or HTML.
 * 2. As base64 and base64url, also inside a longer text that was encoded with it; as hexadecimal digits.
 * 3. A value of several lines also counts line by line, because output is reported in lines.
 * 4. A form is searched in time that grows with the text: a run of backslashes is tried from its first one only.
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

/** So many characters stand in one regular expression: V8 cannot compile those of a long secret. */
const PIECE = 128;
/** After these a text can be read in two ways, which the next few characters decide. */
const AMBIGUOUS = /[\\\r&%]/;
const DECIDED_AFTER = 8;

/** Each form as the pieces that must follow one another. */
export function formsOf(value: string): string[][] {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = [0, 1, 2].map((offset) => pieces(base64At(bytes, offset)));
  const hex = [...bytes.toString('hex')].map((digit) => anyCase(digit));
  return [plainPieces(value), ...base64, pieces(hex)];
}

function plainPieces(value: string): string[] {
  const found: string[] = [];
  let piece = '';
  let length = 0;
  let ambiguous = 0;
  for (const [part] of value.matchAll(/\\+|\r+|[^\\]/gu)) {
    ambiguous = AMBIGUOUS.test(part) ? DECIDED_AFTER : ambiguous - 1;
    if (length >= PIECE && ambiguous < 0) {
      found.push(piece);
      piece = '';
      length = 0;
    }
    piece += part.startsWith('\\') ? backslashes(part.length, found.length === 0 && length === 0) : escaped(part);
    length++;
  }
  return [...found, piece];
}

function pieces(parts: readonly string[]): string[] {
  const count = Math.ceil(parts.length / PIECE);
  return [...Array(count).keys()].map((index) => parts.slice(index * PIECE, (index + 1) * PIECE).join(''));
}

/** Rule 4. The backslashes before a character that is escaped; a run that belongs to what stands before is not theirs. */
const RUN = '(?:(?<!\\\\)\\\\+)?';
/** The same where there must be one: of a run that belongs to what stands before, the last one. */
const ESCAPE = '(?:(?<!\\\\)\\\\+|\\\\)';

/** Backslashes of the secret itself. In one go: one by one, a run could be divided among them in very many ways. */
function backslashes(count: number, first: boolean): string {
  const each = `{${count}}`;
  return `(?:${first ? '(?<!\\\\)' : ''}\\\\{${count},}|(?:${unicode(0x5c)})${each}|(?:${percent(Buffer.from('\\'))})${each})`;
}

/** One character, as it is or escaped. */
function escaped(character: string): string {
  if (/[A-Za-z0-9_.-]/.test(character)) return character === '.' ? '\\.' : character;
  const url = percent(Buffer.from(character, 'utf8'));
  if (character === '\n') return `(?:\\r?\\n|(?:${ESCAPE}r)?${ESCAPE}n|(?:%0[dD])?${url})`;
  if (character.startsWith('\r')) return `(?:\\r|${ESCAPE}r|%(?:25)*0[dD])*`; // also several
  if (character === '\t') return `(?:\\t|${ESCAPE}t|${url})`;
  const units = [...Array(character.length).keys()].map((index) => unicode(character.charCodeAt(index))).join('');
  const html = HTML[character];
  const code = character.codePointAt(0) ?? 0;
  const entities = html === undefined ? '' : `|&(?:${html}|#0*${code}|#[xX]0*${anyCase(code.toString(16))});`;
  const plus = character === ' ' ? '|\\+' : '';
  return `(?:${RUN}${literal(character)}|${units}|${url}${plus}${entities})`;
}

const unicode = (unit: number): string => `${ESCAPE}u${anyCase(unit.toString(16).padStart(4, '0'))}`;

/** Percent-encoded, also several times. */
const percent = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `%(?:25)*${anyCase(byte.toString(16).padStart(2, '0'))}`).join('');

const anyCase = (hex: string): string =>
  [...hex].map((digit) => (/[a-f]/.test(digit) ? `[${digit}${digit.toUpperCase()}]` : digit)).join('');

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** What every base64 text has that encodes these bytes after `offset` others (modulo 3): the digits that depend on nothing else. */
function base64At(bytes: Uint8Array, offset: number): string[] {
  const digits = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  const known = digits.slice(first, end);
  return [...known].map((digit) => (digit === '+' ? PLUS : digit === '/' ? SLASH : digit));
}
const PLUS = '(?:[+-]|%(?:25)*2[bB])';
const SLASH = `(?:${RUN}[/]|_|%(?:25)*2[fF])`;
