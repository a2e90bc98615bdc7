import { rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { HeroError } from '@hero/contracts';
import type { Access } from './credentials.js';
import { csrfCookie, doorOf, sessionCookie } from './doors.js';
import { type Request, type Response, sendText } from './http.js';

/** One-time login links to the admin. Only a caller on the owner's socket gets one. */
export class Logins {
  constructor(
    private readonly access: Access,
    /** The file with the newest link, readable by the owner only. */
    private readonly file: string,
    private readonly httpUrl: () => string,
  ) {}

  async link(req: IncomingMessage): Promise<{ url: string; expires_at: string }> {
    if (doorOf(req).kind !== 'rpc') {
      throw new HeroError('FORBIDDEN', 'Login links are made on the unix socket rpc.sock only.');
    }
    const { code, expiresAt } = this.access.newLoginCode();
    const url = `${this.httpUrl()}/login?code=${code}`;
    // A new file each time, so that its mode is right before anything is written.
    await rm(this.file, { force: true });
    await writeFile(this.file, `${url}\n`, { mode: 0o600 });
    return { url, expires_at: expiresAt.toISOString() };
  }
}

/** Exchanges a code for a session cookie, and a cookie with the CSRF value that a page may read. */
export function login(req: Request, res: Response, access: Access): void {
  const { code } = req.query;
  const session = typeof code === 'string' ? access.login(code) : undefined;
  res.setHeader('cache-control', 'no-store');
  if (!session) {
    res.statusCode = 403;
    sendText(
      res,
      'text/plain',
      'This login link has been used or has expired after ten minutes. `hero_logic up` prints a new one.\n',
    );
    return;
  }
  const door = doorOf(req);
  const common = `Path=/; SameSite=Strict; Max-Age=${session.maxAgeSeconds}`;
  res.setHeader('set-cookie', [
    `${sessionCookie(door)}=${session.cookie}; HttpOnly; ${common}`,
    `${csrfCookie(door)}=${session.csrf}; ${common}`,
  ]);
  res.statusCode = 303;
  res.setHeader('location', '/');
  res.end();
}
