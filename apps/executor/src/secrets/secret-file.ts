/**
 * HERO_SECRETS_FILE: `NAME=value` lines, or one JSON object of texts. It is looked at for each request, so that a change
 * counts from the next one on.
 *
 * 1. A file that others may read is refused, at the start and later: nothing is given from it until its mode is right.
 * 2. A fault names the line, and never what stands there.
 */
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { messageOf } from '@hero/contracts';
import { isRecord } from '@hero/json';
import { StartFault } from '@hero/service-kit';
import { canBeFound } from './finder.js';

const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;
/** A shorter value is in too many texts to be redacted by its value. */
const LEAST_SECRET = 8;
/** In bytes of UTF-8. What a play says is searched for each form of each secret. */
const MOST_SECRET = 8 * 1024;
const MOST_FILE = 1024 * 1024;

/** What is wrong with the file; the message says how to mend it, and holds no secret. */
export class SecretFault extends Error {}

export class SecretFile {
  /** Changes with the file; as of the last read. */
  version = '';
  private values: ReadonlyMap<string, string> = new Map();

  constructor(readonly path: string) {}

  /** What the file has now; throws a SecretFault. */
  read(): ReadonlyMap<string, string> {
    const file = this.open();
    try {
      const found = fstatSync(file);
      this.check(found);
      const version = [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join();
      if (version !== this.version) {
        this.values = parse(readFileSync(file, 'utf8'));
        this.version = version;
      }
      return this.values;
    } finally {
      closeSync(file);
    }
  }

  private open(): number {
    try {
      return openSync(this.path, 'r');
    } catch (error) {
      throw new SecretFault(`the file cannot be read (${messageOf(error)}); make it, with mode 0600`);
    }
  }

  /** Rule 1. */
  private check({ mode, uid, size }: Stats): void {
    const bits = mode & 0o777;
    const own = process.getuid?.();
    if ((mode & 0o170000) !== 0o100000) throw new SecretFault('this is not a file; name a file of NAME=value lines');
    if ((bits & 0o077) !== 0) {
      throw new SecretFault(`mode 0${bits.toString(8)} lets others read it; run: chmod 600 ${this.path}`);
    }
    if (own !== undefined && uid !== own && uid !== 0) {
      throw new SecretFault(
        `it belongs to user ${uid}, not to user ${own}, who runs the executor; run: chown ${own} ${this.path}`,
      );
    }
    if (size > MOST_FILE) throw new SecretFault('it is larger than 1 MiB; keep only secrets in it');
  }
}

/** The file that the environment names; a fault of it keeps the executor from starting. */
export function openSecretFile(path: string | undefined): SecretFile | undefined {
  if (path === undefined) return undefined;
  const file = new SecretFile(path);
  try {
    file.read();
  } catch (error) {
    if (!(error instanceof SecretFault)) throw error;
    throw new StartFault('executor cannot start: its secrets cannot be read.', [
      `HERO_SECRETS_FILE: ${path}: ${error.message}.`,
    ]);
  }
  return file;
}

/** What is wrong with a value, if anything. */
export function secretFault(value: string): string | undefined {
  if (value.length < LEAST_SECRET) {
    return `has fewer than ${LEAST_SECRET} characters, so it could not be redacted; use a longer one`;
  }
  if (Buffer.byteLength(value) > MOST_SECRET) return `is longer than ${MOST_SECRET / 1024} KiB`;
  if (value.includes('\0')) return 'has a NUL character';
  return canBeFound(value) ? undefined : 'cannot be searched for, so it could not be redacted; use another one';
}

function parse(text: string): Map<string, string> {
  const entries = text.trimStart().startsWith('{') ? fromJson(text) : fromLines(text);
  const values = new Map<string, string>();
  for (const { where, name, value } of entries) {
    if (!SECRET_NAME.test(name)) {
      throw new SecretFault(`${where}: a name has letters, digits and _, at most 100; write NAME=value`);
    }
    if (values.has(name)) throw new SecretFault(`${where}: ${name} stands there twice`);
    const fault = secretFault(value);
    if (fault !== undefined) throw new SecretFault(`${where}: the value of ${name} ${fault}`);
    values.set(name, value);
  }
  return values;
}

interface Entry {
  where: string;
  name: string;
  value: string;
}

/** A value in double quotes is a JSON string, for example with \n. */
function fromLines(text: string): Entry[] {
  return text.split(/\r?\n/).flatMap((line, index): Entry[] => {
    const where = `line ${index + 1}`;
    const words = line.trim().replace(/^export\s+/, '');
    if (words === '' || words.startsWith('#')) return [];
    const sign = words.indexOf('=');
    if (sign === -1) throw new SecretFault(`${where}: there is no =; write NAME=value`);
    const given = words.slice(sign + 1).trim();
    const value = given.startsWith('"') ? unquoted(given) : given;
    if (value === undefined)
      throw new SecretFault(`${where}: a value in double quotes must be a JSON string on one line`);
    return [{ where, name: words.slice(0, sign).trim(), value }];
  });
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function fromJson(text: string): Entry[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new SecretFault('it begins with { and is not JSON'); // the parser's message may quote a secret
  }
  if (!isRecord(given)) throw new SecretFault('a JSON file must be an object of texts');
  return Object.entries(given).map(([name, value]) => {
    if (typeof value !== 'string') throw new SecretFault(`the value of ${JSON.stringify(name)} must be a text`);
    return { where: 'its object', name, value };
  });
}
