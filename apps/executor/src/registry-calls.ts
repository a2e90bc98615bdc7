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
  ): Promise<Result<C>> {
    const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    for (;;) {
      try {
        return await this.once(contract, params, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!worthRepeating(error)) throw error;
      }
      await retry.wait(signal);
    }
  }
}

/** INTERNAL too: what was wrong in there may be over soon, and giving up would lose a play's work. */
export function worthRepeating(error: unknown): boolean {
  return error instanceof HeroError && (error.retry || error.code === 'INTERNAL');
}
