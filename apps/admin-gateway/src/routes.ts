/**
 * The routes and their checks: every route checks the origin first, and those that say so then authenticate.
 * One Express instance serves all three listeners.
 */
import type { IncomingMessage } from 'node:http';
import type { Bus, Log } from '@hero/bus';
import { HeroError, issuesOf, registryStatus, Sid } from '@hero/contracts';
import { ExpressAdapter } from '@nestjs/platform-express';
import helmet from 'helmet';
import { listClients, readClient } from './client-files.js';
import type { Access } from './credentials.js';
import { authenticate, checkJson, checkOrigin, doorOf } from './doors.js';
import {
  callerSignal,
  type Next,
  readBody,
  type Request,
  type Response,
  sendError,
  sendJson,
  sendText,
  statusOf,
} from './http.js';
import { answerHook, HOOKS_PATH } from './hook-route.js';
import { BODY_LIMIT, failure, type JsonRpc } from './json-rpc.js';
import type { Live } from './live.js';
import { type Logins, login } from './login.js';
import { openRpcText } from './open-rpc.js';
import { homePage } from './pages.js';
import { heroErrorOf, rpcErrorOf } from './rpc-error.js';
import { EventStream } from './sse.js';

export interface RouteParts {
  bus: Bus;
  log: Log;
  access: Access;
  rpc: JsonRpc;
  live: Live;
  logins: Logins;
  /** The folder of clients. */
  clients: string;
  closing: AbortSignal;
}

type Route = (req: Request, res: Response) => Promise<void> | void;
export type Listener = (req: IncomingMessage, res: Response) => void;

const READY_WITHIN_MS = 2_000;

export function createFront(parts: RouteParts): Listener {
  const { access, live, log, closing } = parts;
  const http = new ExpressAdapter();
  const open = (route: Route) => (req: Request, res: Response) => guarded(log, route, req, res);
  const closed = (route: Route) =>
    open((req, res) => {
      refuseHead(req);
      authenticate(req, access);
      return route(req, res);
    });
  const stream = (req: IncomingMessage, res: Response): EventStream => new EventStream(res, () => mayRead(req, access));

  http.disable('x-powered-by');
  http.disable('etag');
  http.set('query parser', 'simple');
  http.use(headers());
  http.use((req: Request, res: Response, next: Next) => {
    try {
      checkOrigin(req);
      next();
    } catch (error) {
      guarded(log, () => Promise.reject(error), req, res);
    }
  });
  http.get(
    '/api/plays/:sid/spans',
    closed((req, res) => live.watch(sidOf(req), stream(req, res), lastEventId(req))),
  );
  http.get(
    '/api/events',
    closed((req, res) => live.announce(stream(req, res))),
  );
  http.get(
    '/',
    open((req, res) => sendText(res, 'text/html', homePage(doorOf(req)))),
  );
  http.get(
    '/login',
    open((req, res) => {
      refuseHead(req);
      login(req, res, access);
    }),
  );
  http.post(
    '/login-link',
    open(async (req, res) => sendJson(res, 200, await parts.logins.link(req))),
  );
  http.get(
    '/openrpc.json',
    open((_, res) => sendJson(res, 200, openRpcText())),
  );
  http.get(
    '/clients',
    closed(async (_, res) => sendJson(res, 200, { clients: await listClients(parts.clients) })),
  );
  http.get(
    '/clients/:name',
    closed(async (req, res) => sendText(res, 'text/plain', await readClient(parts.clients, String(req.params.name)))),
  );
  http.get(
    '/healthz',
    open((_, res) => sendJson(res, 200, { ok: true })),
  );
  http.get(
    '/readyz',
    open((_, res) => answerReady(parts.bus, res, closing)),
  );
  http.use(
    open((req) => {
      throw new HeroError('NOT_FOUND', `There is nothing at ${req.method} ${req.path.slice(0, 200)}; see GET /.`);
    }),
  );
  http.use((error: unknown, req: Request, res: Response, _next: Next) => {
    guarded(log, () => Promise.reject(isBadRequest(error) ? malformed() : error), req, res);
  });
  const rest = http.getInstance() as Listener;
  // These two need neither the router nor the headers of a page.
  return (req, res) => {
    if (req.method === 'POST' && req.url === '/rpc') void answerRpc(parts, req, res);
    else if (req.url?.startsWith(HOOKS_PATH)) void answerHook(parts, req, res);
    else rest(req, res);
  };
}

/** Express would answer HEAD with the route of GET, which must not happen where GET uses up a login link or opens a stream. */
function refuseHead(req: Request): void {
  if (req.method !== 'GET') throw new HeroError('NOT_FOUND', 'This address is served by GET only.');
}

/** Express itself fails on a path that cannot be decoded. */
const isBadRequest = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'status' in error && error.status === 400;
const malformed = (): HeroError => new HeroError('INVALID_PARAMS', 'The address is malformed.');

function headers(): (req: IncomingMessage, res: Response, next: Next) => void {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'self'"],
        'object-src': ["'none'"],
        'base-uri': ["'none'"],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
      },
    },
    xFrameOptions: { action: 'deny' },
    // There is no TLS on loopback.
    strictTransportSecurity: false,
  });
}

async function guarded(log: Log, route: Route, req: Request, res: Response): Promise<void> {
  try {
    await route(req, res);
  } catch (cause) {
    if (res.destroyed) return;
    // After a part of the reply was sent the connection must be closed, or the caller would wait for the rest.
    if (res.headersSent) return void res.destroy(cause instanceof Error ? cause : undefined);
    sendError(res, heroErrorOf(cause, log, `${req.method} ${req.path}`));
  }
}

/** Errors on /rpc are JSON-RPC errors, so that its clients parse only one format. */
async function answerRpc(
  { access, rpc, log, closing }: RouteParts,
  req: IncomingMessage,
  res: Response,
): Promise<void> {
  res.setHeader('x-content-type-options', 'nosniff');
  res.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  try {
    checkOrigin(req);
    authenticate(req, access);
    checkJson(req);
    const body = await readBody(req, BODY_LIMIT);
    const reply = await rpc.answer(body, callerSignal(res, closing));
    if (res.destroyed) return;
    if (reply !== undefined) return sendJson(res, 200, reply);
    res.statusCode = 204;
    res.end();
  } catch (cause) {
    if (res.headersSent || res.destroyed) return;
    refuseRpc(log, req, res, cause);
  }
}

function refuseRpc(log: Log, req: IncomingMessage, res: Response, cause: unknown): void {
  const error = heroErrorOf(cause, log, '/rpc');
  if (error.code === 'UNAUTHORIZED') res.setHeader('www-authenticate', 'Bearer');
  // The rest of the body is not read, so the connection cannot be used again.
  if (!req.complete) res.setHeader('connection', 'close');
  sendJson(res, statusOf(error), failure(null, rpcErrorOf(error, log, '/rpc')));
}

async function answerReady(bus: Bus, res: Response, signal: AbortSignal): Promise<void> {
  if (!bus.connected) throw new HeroError('UNAVAILABLE', 'NATS is not reachable.');
  await bus.ask(registryStatus, {}, { timeoutMs: READY_WITHIN_MS, retryUnavailable: false, signal });
  sendJson(res, 200, { ok: true });
}

function mayRead(req: IncomingMessage, access: Access): boolean {
  try {
    authenticate(req, access);
    return true;
  } catch {
    return false;
  }
}

/** Refuses an identifier that no play can have before it reaches the bus. */
function sidOf(req: Request): string {
  const sid = Sid.safeParse(req.params.sid);
  if (sid.success) return sid.data;
  throw new HeroError('INVALID_PARAMS', 'The path does not name a play.', { issues: issuesOf(sid.error, ['sid']) });
}

function lastEventId(req: Request): number | undefined {
  const given = req.headers['last-event-id'];
  return typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : undefined;
}
