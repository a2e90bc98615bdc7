/** What an error of PostgreSQL or of the way to it means for the one who gets it. */
import { messageOf } from '@hero/contracts';

/** The database is away for now: a restart, a cut connection, no free connection. The same call can succeed later. */
export class DatabaseUnavailable extends Error {
  /** Read by the door of a service, which knows nothing else of this library. */
  readonly unavailable = true;

  constructor(cause: unknown) {
    super(`PostgreSQL is not available for now: ${messageOf(cause)}`, { cause });
    this.name = 'DatabaseUnavailable';
  }
}

interface Fault {
  code?: unknown;
  message?: unknown;
  errors?: unknown;
  cause?: unknown;
}

/** An error and what caused it. By their fields: an error of Node's own may come from another realm (jest, vm). */
function* chain(error: unknown): Generator<Fault> {
  let at = error;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const fault: Fault = at;
    yield fault;
    at = fault.cause;
  }
}

/** The SQLSTATE of an error, wherever it is wrapped. */
export function sqlState(error: unknown): string | undefined {
  for (const { code } of chain(error)) {
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !NETWORK.test(code)) return code;
  }
  return undefined;
}

/** Beside the classes 08 (the connection), 53 (disk full, out of memory, too many connections) and 58 (the system around it). */
const AWAY = new Set(['57P01', '57P02', '57P03', '25P03', '25006']);
const CONFLICTS = new Set(['40001', '40P01']);
const NETWORK = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)/;
const LOST =
  /connection terminated|connection error and is not queryable|client was closed|timeout exceeded when trying/i;

/**
 * Lost connection, starting up, shutting down, no room: the fault of no statement. What was sent may or may not have happened.
 */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  const state = sqlState(error);
  if (state !== undefined) return AWAY.has(state) || /^(08|53|58)/.test(state);
  for (const { code, message, errors } of chain(error)) {
    if (typeof code === 'string' && NETWORK.test(code)) return true;
    if (typeof message === 'string' && LOST.test(message)) return true;
    // Several addresses of one host were tried.
    if (Array.isArray(errors) && errors.some(isUnavailable)) return true;
  }
  return false;
}

/** Rolled back because of another transaction: running the whole transaction again is safe. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlState(error) ?? '');
}

/** A statement or a lock took too long: the fault of the data, or of a server that is busy. Nothing happened; a few tries tell. */
export function isTooSlow(error: unknown): boolean {
  return ['57014', '55P03'].includes(sqlState(error) ?? '');
}

/** Trying again later can help, with nothing changed. */
export function isTransient(error: unknown): boolean {
  return isUnavailable(error) || isConflict(error);
}

/**
 * The data is at fault (the same row twice in one statement, too long, not unique, no such row, nested too deep for a limit of the
 * server): trying again cannot help.
 */
export function isDataError(error: unknown): boolean {
  return /^(2[123]|54)/.test(sqlState(error) ?? '');
}

/** Errors of the way to the database become DatabaseUnavailable; all others stay what they are. */
export function asFault(error: unknown): unknown {
  return isUnavailable(error) && !(error instanceof DatabaseUnavailable) ? new DatabaseUnavailable(error) : error;
}
