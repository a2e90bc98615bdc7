/** `POST /hooks/resume/:token`: whoever has the link may answer its one question, once; it is the only right that it gives. */
import type { Bus } from '@hero/bus';
import { HeroError, hookResume, type Json, PAYLOAD_LIMIT } from '@hero/contracts';
import { checkJson } from './doors.js';
import { callerSignal, readBody, type Request, type Response, sendError, sendJson } from './http.js';

/** Of JSON with escapes; the payload itself is measured by the registry. */
const BODY_LIMIT = 2 * PAYLOAD_LIMIT;
const STATUS: Partial<Record<HeroError['code'], number>> = {
  ALREADY_RESUMED: 409,
  INVALID_STATE: 409,
  INVALID_PARAMS: 422,
};

/** Answers 200 {ok, resumed_at, kept}; 404 for a link that is none, 409 for one that was used, 422 where the answer does not fit. */
export async function answerHook(bus: Bus, req: Request, res: Response, closing: AbortSignal): Promise<void> {
  try {
    const payload = await payloadOf(req);
    const ask = { token: req.params.token ?? '', payload };
    sendJson(res, 200, await bus.ask(hookResume, ask, { signal: callerSignal(res, closing) }));
  } catch (error) {
    const status = error instanceof HeroError ? STATUS[error.code] : undefined;
    if (status === undefined || !(error instanceof HeroError)) throw error;
    sendError(res, error, status);
  }
}

export function refuseHookGet(): never {
  throw new HeroError('NOT_FOUND', 'This link is answered by POST: its JSON body is the answer.');
}

/** An empty body is null. */
async function payloadOf(req: Request): Promise<Json> {
  const empty = req.headers['content-length'] === '0' || req.headers['content-length'] === undefined;
  if (!empty || req.headers['transfer-encoding'] !== undefined) checkJson(req);
  const body = await readBody(req, BODY_LIMIT);
  if (body.length === 0) return null;
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    throw new HeroError('INVALID_PARAMS', 'The body is no JSON.', {
      issues: [{ path: 'payload', message: 'send one JSON value as the body' }],
    });
  }
}
