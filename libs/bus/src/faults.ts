import { randomBytes } from 'node:crypto';
import { type Contract, HeroError } from '@hero/contracts';
import type { Log } from './log.js';

/**
 * What the asker is told of whatever a handler threw. Libraries below the bus know no HeroError: an error that carries
 * `unavailable: true` says that what it needs is away for now (a database that restarts).
 */
export function toHeroError(cause: unknown, contract: Contract, closing: boolean, log: Log): HeroError {
  if (cause instanceof HeroError) {
    if (cause.code === 'INTERNAL') log.error({ err: cause, method: contract.name }, 'question failed');
    return cause;
  }
  if (field(cause, 'unavailable') === true) {
    log.warn({ err: cause, method: contract.name }, 'question refused for now');
    return new HeroError('UNAVAILABLE', `${contract.service} cannot answer for now; try again in a moment.`, { cause });
  }
  if (closing && field(cause, 'name') === 'AbortError') {
    return new HeroError('UNAVAILABLE', `${contract.service} is stopping; ask again.`, { cause });
  }
  const faultId = randomBytes(4).toString('hex');
  log.error({ err: cause, method: contract.name, fault_id: faultId }, 'question failed');
  return new HeroError('INTERNAL', `${contract.service} failed; its log has the cause under fault_id ${faultId}.`, {
    details: { fault_id: faultId },
    cause,
  });
}

/** By its fields: an error of Node's own may come from another realm (jest, vm), where instanceof does not hold. */
function field(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}
