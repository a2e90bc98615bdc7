import { setTimeout as delay } from 'node:timers/promises';

/** Waits between tries: each is twice as long as the one before it, up to the longest. */
export interface Backoff {
  /** How long the next wait will be. */
  readonly nextMs: number;
  /** Rejects with the signal's reason as soon as it is aborted. */
  wait(signal?: AbortSignal): Promise<void>;
  /** The next wait is the first one again. */
  reset(): void;
}

export function backoff(firstMs: number, longestMs: number): Backoff {
  let nextMs = firstMs;
  return {
    get nextMs() {
      return nextMs;
    },
    async wait(signal) {
      const waitMs = nextMs;
      nextMs = Math.min(waitMs * 2, longestMs);
      await sleep(waitMs, signal);
    },
    reset: () => {
      nextMs = firstMs;
    },
  };
}

/** As Node's own, but rejects with the signal's reason. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
