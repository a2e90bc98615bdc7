/**
 * Authentication: callers with the admin's token, and browsers with a session.
 *
 * 1. Hashes are compared, in constant time; the token itself is not kept after the start.
 * 2. A session is a signed cookie with an expiry: nothing is stored, and it stays valid across restarts. A request that changes
 *    something also needs the CSRF header, whose value only a page of this origin can read from its cookie.
 * 3. A login link works once and expires after ten minutes.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LINK_MS = 10 * 60_000;
const SESSION_MS = 7 * 24 * 3600_000;
const LINKS_LIMIT = 1_000;

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

export interface Session {
  cookie: string;
  csrf: string;
  maxAgeSeconds: number;
}

export class Access {
  private readonly tokenHash: Buffer;
  private readonly key: Buffer;
  /** Hash of the code → time at which it expires. */
  private readonly links = new Map<string, number>();

  constructor(
    token: string,
    private readonly now: () => number = Date.now,
  ) {
    this.tokenHash = hash(token);
    this.key = createHmac('sha256', token).update('hero sessions').digest();
  }

  isToken(given: string): boolean {
    return same(hash(given), this.tokenHash);
  }

  /** Makes a code for one login link. */
  newLoginCode(): { code: string; expiresAt: Date } {
    const now = this.now();
    for (const [old, end] of this.links) if (end <= now || this.links.size >= LINKS_LIMIT) this.links.delete(old);
    const code = randomBytes(32).toString('base64url');
    this.links.set(hash(code).toString('hex'), now + LINK_MS);
    return { code, expiresAt: new Date(now + LINK_MS) };
  }

  /** Exchanges a code for a session; undefined if it is unknown, used or expired. */
  login(code: string): Session | undefined {
    const key = hash(code).toString('hex');
    const end = this.links.get(key);
    this.links.delete(key);
    if (end === undefined || end <= this.now()) return undefined;
    const body = `${this.now() + SESSION_MS}.${randomBytes(16).toString('base64url')}`;
    const cookie = `${body}.${this.sign(`session ${body}`)}`;
    return { cookie, csrf: this.csrfOf(cookie), maxAgeSeconds: SESSION_MS / 1000 };
  }

  isSession(cookie: string): boolean {
    const cut = cookie.lastIndexOf('.');
    const body = cookie.slice(0, cut);
    const good = same(Buffer.from(cookie.slice(cut + 1)), Buffer.from(this.sign(`session ${body}`)));
    return good && Number(body.split('.')[0]) > this.now();
  }

  isCsrf(cookie: string, given: string): boolean {
    return same(Buffer.from(given), Buffer.from(this.csrfOf(cookie)));
  }

  private csrfOf(cookie: string): string {
    return this.sign(`csrf ${cookie}`);
  }

  private sign(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }
}
