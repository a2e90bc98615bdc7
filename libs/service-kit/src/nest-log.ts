import type { LoggerService } from '@nestjs/common';
import type { ProcessLog } from './log.js';

/** Nest's logger: its warnings and errors go to our log, everything else to the debug level. */
export function nestLog(log: ProcessLog): LoggerService {
  const context = (rest: unknown[]): object => ({ nest: rest.at(-1) });
  return {
    log: (message: unknown, ...rest: unknown[]) => log.debug(context(rest), String(message)),
    debug: (message: unknown, ...rest: unknown[]) => log.trace(context(rest), String(message)),
    verbose: (message: unknown, ...rest: unknown[]) => log.trace(context(rest), String(message)),
    warn: (message: unknown, ...rest: unknown[]) => log.warn(context(rest), String(message)),
    error: (message: unknown, ...rest: unknown[]) =>
      log.error(message instanceof Error ? { err: message, ...context(rest) } : context(rest), String(message)),
    fatal: (message: unknown, ...rest: unknown[]) => log.fatal(context(rest), String(message)),
  };
}
