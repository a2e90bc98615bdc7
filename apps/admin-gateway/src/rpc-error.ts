import { randomBytes } from 'node:crypto';
import type { Log } from '@hero/bus';
import { type ErrorCode, HeroError } from '@hero/contracts';

export interface RpcError {
  code: number;
  message: string;
  data?: object;
}

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const HERO_ERROR = -32000;

const CODES: Partial<Record<ErrorCode, number>> = { INVALID_PARAMS: -32602, INTERNAL: -32603 };

/** What a caller is told of whatever was thrown: words that are meant for it, and nothing of the inside. */
export function rpcErrorOf(cause: unknown, log: Log, method: string): RpcError {
  const error = heroErrorOf(cause, log, method);
  const { message, ...data } = error.toData();
  return { code: CODES[error.code] ?? HERO_ERROR, message, data };
}

export function heroErrorOf(cause: unknown, log: Log, method: string): HeroError {
  if (cause instanceof HeroError) return cause;
  if (isAbort(cause)) {
    return new HeroError('UNAVAILABLE', 'The gateway is stopping, or the caller went away; ask again.', { cause });
  }
  const faultId = randomBytes(4).toString('hex');
  log.error({ err: cause, method, fault_id: faultId }, 'call failed');
  return new HeroError('INTERNAL', `The gateway failed; its log has the cause under fault_id ${faultId}.`, {
    details: { fault_id: faultId },
    cause,
  });
}

/** What an AbortSignal throws. By name: it is not an Error everywhere. */
const isAbort = (cause: unknown): boolean =>
  typeof cause === 'object' && cause !== null && 'name' in cause && cause.name === 'AbortError';
