/**
 * The three listeners, and the checks that each one makes before a request is read.
 *
 * rpc    the unix socket `rpc.sock`: guarded by its folder's permissions, so every caller is the owner.
 * admin  the unix socket `admin.sock`: serves the same as the HTTP port, for a proxy in front; the same checks except the port.
 * http   the loopback port: any page that the user opens can reach it, so every route makes the checks.
 */
import type { IncomingMessage } from 'node:http';
import { HeroError } from '@hero/contracts';
import type { Access } from './credentials.js';
import { cookiesOf, WrongMediaType } from './http.js';

export type DoorKind = 'rpc' | 'admin' | 'http';
export interface Door {
  kind: DoorKind;
  /** The HTTP port; 0 for a socket. */
  port: number;
}

const doors = new WeakMap<IncomingMessage, Door>();
export const enter = (req: IncomingMessage, door: Door): void => void doors.set(req, door);
export const doorOf = (req: IncomingMessage): Door => doors.get(req) ?? { kind: 'http', port: 0 };

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
/** Browsers share cookies between ports, so the names contain the port: there may be two gateways on one machine. */
export const sessionCookie = ({ port }: Door): string => `hero_session_${port}`;
export const csrfCookie = ({ port }: Door): string => `hero_csrf_${port}`;
const CSRF_HEADER = 'x-hero-csrf';

/** Refuses requests that a foreign page may have sent (DNS rebinding, other origins, other sites), before authentication. */
export function checkOrigin(req: IncomingMessage): void {
  const door = doorOf(req);
  if (door.kind === 'rpc') return;
  const { host = '', origin } = req.headers;
  if (!isOwnHost(host, door)) {
    throw new HeroError('FORBIDDEN', 'This host name is not served; use 127.0.0.1 or localhost, and the right port.');
  }
  const ownOrigins = door.kind === 'admin' ? [`http://${host}`, `https://${host}`] : [`http://${host}`];
  if (origin !== undefined && !ownOrigins.includes(origin)) {
    throw new HeroError('FORBIDDEN', 'Requests from other origins are not served.');
  }
  const site = req.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new HeroError('FORBIDDEN', 'Requests from other sites are not served.');
  }
}

function isOwnHost(host: string, { kind, port }: Door): boolean {
  const [, name = '', given] = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/i.exec(host) ?? [];
  if (!LOOPBACK.has(name.toLowerCase())) return false;
  return kind === 'admin' || Number(given ?? 80) === port;
}

/** Accepts the owner of the socket, a caller with the token, or a browser's session. A session needs CSRF for methods that change something. */
export function authenticate(req: IncomingMessage, access: Access): void {
  const door = doorOf(req);
  if (door.kind === 'rpc') return;
  const [scheme = '', token = ''] = (req.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') {
    if (access.isToken(token)) return;
    throw new HeroError('UNAUTHORIZED', 'Wrong token; the right one is in var/admin.token below HERO_HOME.');
  }
  const cookie = cookiesOf(req).get(sessionCookie(door));
  if (cookie === undefined || !access.isSession(cookie)) {
    throw new HeroError(
      'UNAUTHORIZED',
      'Send `Authorization: Bearer …`, or open the login link that `hero_logic up` prints.',
    );
  }
  if (req.method === 'GET' || req.method === 'HEAD') return;
  const csrf = req.headers[CSRF_HEADER];
  if (typeof csrf !== 'string' || !access.isCsrf(cookie, csrf)) {
    throw new HeroError('FORBIDDEN', `A session needs the header ${CSRF_HEADER} with the value of its CSRF cookie.`);
  }
}

/** Accepts only uncompressed `application/json` in UTF-8, which a web page cannot send to another origin without a preflight. */
export function checkJson(req: IncomingMessage): void {
  const type = (req.headers['content-type'] ?? '').toLowerCase();
  if (
    !/^application\/json(\s*;\s*charset="?utf-8"?)?\s*$/.test(type) ||
    req.headers['content-encoding'] !== undefined
  ) {
    throw new WrongMediaType(
      'INVALID_PARAMS',
      'Send the body as `Content-Type: application/json`, in UTF-8 and not compressed.',
    );
  }
}
