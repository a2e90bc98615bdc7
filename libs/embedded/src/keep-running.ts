/** Restarts an embedded server that dies. */
import { setTimeout as delay } from 'node:timers/promises';
import type { EmbeddedServer, ServerDeath } from './server-kind.js';

export interface KeepRunning {
  /** called after every restart; the url is the same unless another process took the port meanwhile */
  onRestart?: (server: EmbeddedServer, death: ServerDeath) => void;
  log?: (line: string) => void;
}

export interface KeptServer extends AsyncDisposable {
  /** the server that runs now, or ran last */
  readonly current: EmbeddedServer;
  readonly url: string;
  /** stops restarting; the server keeps running */
  release(): void;
  /** stops restarting and ends the server */
  stop(): Promise<void>;
}

const longestPause = 10_000;
const calm = 60_000;

/** Starts a server and restarts it when it dies: immediately at first, then with growing delays until it has run for a minute. */
export async function keepRunning(
  start: () => Promise<EmbeddedServer>,
  options: KeepRunning = {},
): Promise<KeptServer> {
  const log = options.log ?? (() => undefined);
  const ending = new AbortController();
  let current = await start();
  const pause = async (ms: number) => await delay(ms, undefined, { signal: ending.signal }).catch(() => undefined);
  const released = new Promise<undefined>((resolve) =>
    ending.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );

  const watch = async () => {
    let wait = 0;
    while (!ending.signal.aborted) {
      const since = Date.now();
      const death = await Promise.race([current.died, released]);
      if (!death) return;
      log(`${death.name} (pid ${death.pid}) died: ${death.signal ?? `exit ${death.code ?? 'unknown'}`}`);
      if (Date.now() - since > calm) wait = 0;
      for (let up = false; !up && !ending.signal.aborted; ) {
        await pause(wait);
        wait = Math.min(Math.max(wait * 2, 100), longestPause);
        if (ending.signal.aborted) return;
        try {
          current = await start();
          up = true;
          options.onRestart?.(current, death);
        } catch (error) {
          log(`${death.name} could not be restarted, next try in ${wait} ms: ${(error as Error).message}`);
        }
      }
    }
  };
  const watching = watch();

  const stop = async () => {
    ending.abort();
    await watching; // waits for a restart in progress, so that its server is the one that is stopped
    await current.stop();
  };
  return {
    get current() {
      return current;
    },
    get url() {
      return current.url;
    },
    release: () => ending.abort(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
