/**
 * `POST /hooks/resume/<token>`: a caller with the link may answer its question once; the link gives no other right.
 *
 * 1. The token is checked first: its shape here and its signature by the registry, before any byte of the body is read.
 * 2. Then the size of the body, its depth and its keys are checked, before it is parsed.
 * 3. Every refusal is the same reply, sent at a multiple of REFUSE_EVERY_MS, so that neither the reply nor
 *    its time tells whether a link exists. The log has the reason.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bus, type Log, toHeroError } from '@hero/bus';
import { ERRORS, HeroError, HookToken, hookCheck, hookResume, RawJson } from '@hero/contracts';
import { scanJson } from '@hero/json';
import { checkJson, checkOrigin } from './doors.js';
import { callerSignal, readBody, type Response, sendError, sendJson } from './http.js';

export const HOOKS_PATH = '/hooks/resume/';
const REFUSE_EVERY_MS = 100;
const REFUSED = new HeroError(
  'NOT_FOUND',
  'This link cannot be used this way: it is unknown, expired or used, or this is no answer to its question. POST one JSON value.',
);

export interface HookParts {
  bus: Bus;
  log: Log;
  closing: AbortSignal;
}

export async function answerHook({ bus, log, closing }: HookParts, req: IncomingMessage, res: Response): Promise<void> {
  const arrived = performance.now();
  res.setHeader('x-content-type-options', 'nosniff');
  res.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  try {
    checkOrigin(req);
  } catch (cause) {
    return sendError(res, toHeroError(cause, failed(log)));
  }
  const signal = callerSignal(res, closing);
  try {
    const token = tokenOf(req);
    const { max_bytes } = await bus.ask(hookCheck, { token }, { signal });
    const payload = await payloadOf(req, max_bytes);
    sendJson(res, 200, await bus.ask(hookResume, { token, payload }, { signal }));
  } catch (cause) {
    if (res.destroyed) return;
    const error = toHeroError(cause, failed(log));
    // The fault is on our side, not in the link.
    if (ERRORS[error.code].http >= 500) return sendError(res, error);
    log.info({ code: error.code, reason: error.message }, 'link refused');
    await refuse(req, res, arrived);
  }
}

const failed = (log: Log) => ({ service: 'admin-gateway', method: HOOKS_PATH, abortable: true, log });

function tokenOf(req: IncomingMessage): string {
  const token = HookToken.safeParse((req.url ?? '').slice(HOOKS_PATH.length));
  if (req.method !== 'POST') throw new HeroError('NOT_FOUND', 'A link is answered by POST.');
  if (!token.success) throw new HeroError('NOT_FOUND', 'Malformed token.');
  return token.data;
}

/** An empty body is null. */
async function payloadOf(req: IncomingMessage, maxBytes: number): Promise<RawJson> {
  const empty = req.headers['content-length'] === '0' || req.headers['content-length'] === undefined;
  if (!empty || req.headers['transfer-encoding'] !== undefined) checkJson(req);
  const body = await readBody(req, maxBytes);
  if (body.length === 0) return new RawJson('null');
  const scan = scanJson(body);
  if (scan.tooDeep || scan.calls.some(({ refusedKey }) => refusedKey) || !isUtf8(body)) {
    throw new HeroError(
      'INVALID_PARAMS',
      'The body is nested too deep, has keys that are not accepted, or is not UTF-8.',
    );
  }
  const text = body.toString('utf8');
  try {
    JSON.parse(text);
    return new RawJson(text);
  } catch (cause) {
    throw new HeroError('INVALID_PARAMS', 'The body is not JSON.', { cause });
  }
}

/** Rule 3. The rest of the body is discarded as it arrives, because a client that still sends does not read the reply. */
async function refuse(req: IncomingMessage, res: Response, arrived: number): Promise<void> {
  if (!req.complete) await readBody(req, 0).catch(() => undefined);
  await delay(REFUSE_EVERY_MS - ((performance.now() - arrived) % REFUSE_EVERY_MS));
  if (res.destroyed) return;
  res.setHeader('connection', 'close');
  sendError(res, REFUSED);
}
