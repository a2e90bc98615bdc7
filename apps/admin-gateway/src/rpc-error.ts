import { type Log, toHeroError } from '@hero/bus';
import { ERRORS, HeroError, RPC_FAULTS } from '@hero/contracts';

export interface RpcError {
  code: number;
  message: string;
  data: object;
}

/** Converts any thrown value to the error that the caller gets. */
export function rpcErrorOf(cause: unknown, log: Log, method: string): RpcError {
  const { message, ...data } = heroErrorOf(cause, log, method).toData();
  return { code: ERRORS[data.code].rpc, message, data };
}

/** An error of JSON-RPC itself: no method was called. */
export function rpcFault(code: keyof typeof RPC_FAULTS, message: string): RpcError {
  return { code: RPC_FAULTS[code], message, data: { code, retry: false } };
}

export function heroErrorOf(cause: unknown, log: Log, method: string): HeroError {
  // The gateway aborts a request only when it stops, or when no caller waits for the answer any more.
  return cause instanceof HeroError
    ? cause
    : toHeroError(cause, { service: 'admin-gateway', method, abortable: true, log });
}
