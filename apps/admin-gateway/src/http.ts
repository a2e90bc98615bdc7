/** Functions for HTTP requests and replies that all routes use. */
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, HeroError } from '@hero/contracts';

/** The fields that Express adds to a request. */
export interface Request extends IncomingMessage {
  params: Record<string, string | undefined>;
  query: Record<string, unknown>;
  path: string;
}
export type Response = ServerResponse;
export type Next = (error?: unknown) => void;

export function sendJson(res: Response, status: number, body: object | string): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  res.statusCode = status;
  res.setHeader('content-type', 'application/json; charset=utf-8');
  res.setHeader('cache-control', 'no-store');
  res.setHeader('content-length', Buffer.byteLength(text));
  res.end(text);
  closeIfUnread(res);
}

const READ_WITHIN_MS = 120_000;
/** A connection is closed if its client does not read the reply for this long. */
function closeIfUnread(res: Response): void {
  if (res.writableLength === 0 || res.closed) return;
  const limit = setTimeout(() => res.destroy(), READ_WITHIN_MS);
  limit.unref();
  res.once('close', () => clearTimeout(limit));
}

export function sendText(res: Response, type: string, text: string): void {
  res.setHeader('content-type', `${type}; charset=utf-8`);
  res.setHeader('content-length', Buffer.byteLength(text));
  res.end(text);
}

/** The content type of the body is not supported. */
export class WrongMediaType extends HeroError {}

export const statusOf = (error: HeroError): number => (error instanceof WrongMediaType ? 415 : ERRORS[error.code].http);

/** The body of an error outside of JSON-RPC: `{error: {code, message, retry, …}}`. */
export function sendError(res: Response, error: HeroError, status = statusOf(error)): void {
  if (error.code === 'UNAUTHORIZED') res.setHeader('www-authenticate', 'Bearer');
  if (error.code === 'UNAVAILABLE') res.setHeader('retry-after', '1');
  sendJson(res, status, { error: error.toData() });
}

export function cookiesOf(req: IncomingMessage): Map<string, string> {
  const pairs = (req.headers.cookie ?? '').split(';').map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const;
  });
  return new Map(pairs);
}

/** Aborted when the caller disconnects or the gateway stops. Any number of listeners is allowed. */
export function callerSignal(res: Response, closing: AbortSignal): AbortSignal {
  const caller = new AbortController();
  setMaxListeners(0, caller.signal, closing);
  const end = (): void => caller.abort();
  closing.addEventListener('abort', end, { once: true });
  res.once('close', () => {
    closing.removeEventListener('abort', end);
    if (!res.writableFinished) end();
  });
  if (closing.aborted) end();
  return caller.signal;
}

/** A client that sends too much sees the error only if its body is read: this many more bytes are read and discarded. */
const DISCARD_LIMIT = 64 * 1024 * 1024;

/** Reads the whole body; refuses one above the limit. */
export function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const refuse = (): void =>
      reject(new HeroError('PAYLOAD_TOO_LARGE', `A body has at most ${limit} bytes.`, { details: { limit } }));
    if (Number(req.headers['content-length'] ?? 0) > DISCARD_LIMIT) return refuse();
    let chunks: Buffer[] = [];
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(chunk);
      else if (bytes <= DISCARD_LIMIT) chunks = [];
      else {
        req.pause();
        refuse();
      }
    });
    req.once('end', () =>
      bytes > limit ? refuse() : resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes)),
    );
    req.once('error', reject);
    req.once('close', () => {
      if (!req.complete)
        reject(new HeroError('UNAVAILABLE', 'The caller closed the connection in the middle of the body.'));
    });
  });
}
