/**
 * Questions to the registry that an executor must have answered: a reply may be lost, and NATS, the registry or
 * PostgreSQL may be away for a while. They are asked again, with growing waits, until there is an answer or nobody needs
 * it any more. All of them are fenced and repeatable (contracts, runs.ts).
 */
import { backoff, type Bus } from '@hero/bus';
import { type Contract, HeroError, type ParamsInput, type Result } from '@hero/contracts';

const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 1_000;
const REPLY_WITHIN_MS = 5_000;
/** About 5 s with the waits between them. */
const INTERNAL_TRIES = 10;

export class RegistryCalls {
  constructor(
    private readonly bus: Bus,
    /** The `owner` of every fence. */
    readonly owner: string,
  ) {}

  once<C extends Contract>(contract: C, params: ParamsInput<C>, signal?: AbortSignal): Promise<Result<C>> {
    return this.bus.ask(contract, params, { signal, timeoutMs: REPLY_WITHIN_MS });
  }

  /** Rejects with a HeroError that repeating would not change, or with the signal's reason. */
  async untilAnswered<C extends Contract>(
    contract: C,
    params: ParamsInput<C>,
    signal: AbortSignal,
    internalTries = INTERNAL_TRIES,
  ): Promise<Result<C>> {
    const mayRepeat = patience(internalTries);
    const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    for (;;) {
      try {
        return await this.once(contract, params, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!mayRepeat(error)) throw error;
      }
      await retry.wait(signal);
    }
  }
}

/**
 * Whether a request is to be repeated after this error. What is away comes back, and is waited for as long as it takes. INTERNAL may be over
 * soon too, and giving up would lose a play's work; but the next tries show whether it is the request that is at fault, and nothing is
 * repeated for ever for its content.
 */
export function patience(internalTries = INTERNAL_TRIES): (error: unknown) => boolean {
  let internal = 0;
  return (error) => worthRepeating(error) && (isAway(error) || ++internal < internalTries);
}

/** The request was not at fault: a service that should answer it is not reachable. */
export const isAway = (error: unknown): boolean => error instanceof HeroError && error.retry;

/** For who does not count its tries. */
export function worthRepeating(error: unknown): boolean {
  return error instanceof HeroError && (error.retry || error.code === 'INTERNAL');
}
