/** Turns whatever a handler throws into the HeroError that its caller gets. */
import { randomBytes } from 'node:crypto';
import { HeroError } from '@hero/contracts';
import type { Log } from './log.js';

export interface Failed {
  service: string;
  /** What was asked for, for the log. */
  method: string;
  /** An AbortError means that the service stops, or that the caller went away: neither is a fault. */
  abortable: boolean;
  log: Log;
}

/**
 * The last catch of every service, for the bus and for HTTP: what the caller is told of whatever was thrown. Libraries below
 * know no HeroError: an error that carries `unavailable: true` says that what it needs is away for now (a database that restarts).
 */
export function toHeroError(cause: unknown, { service, method, abortable, log }: Failed): HeroError {
  if (cause instanceof HeroError) {
    if (cause.code === 'INTERNAL') log.error({ err: cause, method }, 'call failed');
    return cause;
  }
  if (field(cause, 'unavailable') === true) {
    log.warn({ err: cause, method }, 'call refused for now');
    return new HeroError('UNAVAILABLE', `${service} cannot answer for now; try again in a moment.`, { cause });
  }
  if (abortable && field(cause, 'name') === 'AbortError') {
    return new HeroError('UNAVAILABLE', `${service} is stopping, or the caller went away; ask again.`, { cause });
  }
  const faultId = randomBytes(4).toString('hex');
  log.error({ err: cause, method, fault_id: faultId }, 'call failed');
  return new HeroError('INTERNAL', `${service} failed; its log has the cause, with fault_id ${faultId}.`, {
    details: { fault_id: faultId },
    cause,
  });
}

/** By its fields: an error of Node's own may come from another realm (jest, vm), where instanceof does not hold. */
function field(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}
