import type { Log } from '@hero/bus';

export interface EveryOptions {
  signal?: AbortSignal;
  log?: Log;
  /** Name in log lines about failures. */
  name?: string;
  /** Whether to run immediately too, not only after the first period. */
  atOnce?: boolean;
}

export interface Timer {
  /** Runs it now; if it is running, once more after that. */
  now(): void;
  /** Stops, and waits for a run in progress. */
  stop(): Promise<void>;
}

/** Runs a function periodically and never concurrently: a period starts when the previous run has ended. */
export function every(ms: number, run: () => unknown, options: EveryOptions = {}): Timer {
  const { signal, log, name = 'timer', atOnce = false } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = signal?.aborted ?? false;

  const plan = (delay: number): void => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(start, delay);
  };
  const start = (): void => {
    again = false;
    running = (async () => void (await run()))()
      .catch((err: unknown) => log?.error({ err, name }, 'periodic work failed; it goes on with the next period'))
      .finally(() => {
        running = undefined;
        plan(again ? 0 : ms);
      });
  };
  const stop = async (): Promise<void> => {
    stopped = true;
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    await running;
  };
  signal?.addEventListener('abort', stop, { once: true });
  plan(atOnce ? 0 : ms);
  return {
    now: () => {
      if (running) again = true;
      else plan(0);
    },
    stop,
  };
}
