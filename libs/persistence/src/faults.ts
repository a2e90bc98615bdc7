/** What an error of PostgreSQL or of the way to it means for the one who gets it. */

/** The database is away for now: a restart, a cut connection, no free connection. The same call can succeed later. */
export class DatabaseUnavailable extends Error {
  /** Read by the door of a service, which knows nothing else of this library. */
  readonly unavailable = true;

  constructor(cause: unknown) {
    super(`PostgreSQL is not available for now: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'DatabaseUnavailable';
  }
}

/** The SQLSTATE of an error, wherever it is wrapped. */
export function sqlState(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && /^[0-9A-Z]{5}$/.test(at.code)) return at.code;
  }
  return undefined;
}

const AWAY = new Set(['57P01', '57P02', '57P03', '53300', '25P03', '25006']);
const CONFLICTS = new Set(['40001', '40P01']);
const NETWORK = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)/;
const LOST =
  /connection terminated|connection error and is not queryable|client was closed|timeout exceeded when trying/i;

/** Lost connection, starting up, shutting down, too many connections. What was sent may or may not have happened. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  const state = sqlState(error);
  if (state !== undefined) return AWAY.has(state) || state.startsWith('08');
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && NETWORK.test(at.code)) return true;
    if (LOST.test(at.message)) return true;
    if (at instanceof AggregateError && at.errors.some((inner) => isUnavailable(inner))) return true;
  }
  return false;
}

/** Rolled back because of another transaction: running the whole transaction again is safe. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlState(error) ?? '');
}

/** Trying again later can help, with nothing changed. */
export function isTransient(error: unknown): boolean {
  return isUnavailable(error) || isConflict(error);
}

/** The data is at fault (too long, not unique, no such row): trying again cannot help. */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

export function asFault(error: unknown): unknown {
  return isUnavailable(error) && !(error instanceof DatabaseUnavailable) ? new DatabaseUnavailable(error) : error;
}
