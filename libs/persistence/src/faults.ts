/** Classifies errors of PostgreSQL and of the connection to it, so that a caller knows whether to try again. */
import { messageOf } from '@hero/contracts';

/** The database cannot be reached now: a restart, a lost connection, no free connection. The same call can succeed later. */
export class DatabaseUnavailable extends Error {
  /** The bus reads this field, because it does not import this library. */
  readonly unavailable = true;

  constructor(cause: unknown) {
    super(`PostgreSQL is not available at the moment: ${messageOf(cause)}`, { cause });
    this.name = 'DatabaseUnavailable';
  }
}

interface Fault {
  code?: unknown;
  message?: unknown;
  errors?: unknown;
  cause?: unknown;
}

/** An error and its causes. It checks fields, because instanceof fails for errors of another realm (jest, vm). */
function* chain(error: unknown): Generator<Fault> {
  let at = error;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const fault: Fault = at;
    yield fault;
    at = fault.cause;
  }
}

/** The SQLSTATE of an error or of one of its causes. */
export function sqlState(error: unknown): string | undefined {
  for (const { code } of chain(error)) {
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !NETWORK.test(code)) return code;
  }
  return undefined;
}

/** In addition to the classes 08 (connection), 53 (disk full, out of memory, too many connections) and 58 (operating system). */
const AWAY = new Set(['57P01', '57P02', '57P03', '25P03', '25006']);
const CONFLICTS = new Set(['40001', '40P01']);
const NETWORK = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)/;
const LOST =
  /connection terminated|connection error and is not queryable|client was closed|timeout exceeded when trying/i;

/**
 * The connection was lost, or the server starts, stops or lacks resources: no statement is at fault. A statement that was sent may or may not have taken effect.
 */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  const state = sqlState(error);
  if (state !== undefined) return AWAY.has(state) || /^(08|53|58)/.test(state);
  for (const { code, message, errors } of chain(error)) {
    if (typeof code === 'string' && NETWORK.test(code)) return true;
    if (typeof message === 'string' && LOST.test(message)) return true;
    // An AggregateError: several addresses of one host were tried.
    if (Array.isArray(errors) && errors.some(isUnavailable)) return true;
  }
  return false;
}

/** Rolled back because of another transaction: running the whole transaction again is safe. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlState(error) ?? '');
}

/** A statement or a lock took too long, because of the data or of a busy server. It had no effect; a few tries show which it was. */
export function isTooSlow(error: unknown): boolean {
  return ['57014', '55P03'].includes(sqlState(error) ?? '');
}

/** Whether the same call can succeed later. */
export function isTransient(error: unknown): boolean {
  return isUnavailable(error) || isConflict(error);
}

/**
 * The data is at fault (the same row twice in one statement, too long, not unique, a missing row, nested beyond a limit of the
 * server), so a repeat cannot succeed.
 */
export function isDataError(error: unknown): boolean {
  return /^(2[123]|54)/.test(sqlState(error) ?? '');
}

/** Converts connection errors to DatabaseUnavailable; returns all others unchanged. */
export function asFault(error: unknown): unknown {
  return isUnavailable(error) && !(error instanceof DatabaseUnavailable) ? new DatabaseUnavailable(error) : error;
}
