/**
 * Keeps the index up to date with the registry.
 *
 * 1. It subscribes before it lists, so that no change is missed between the two.
 * 2. An announcement may be lost or late and only triggers a request. The index is built from the replies to
 *    `workflow_revisions`, which are in order of commit and have no holes; it is also called after each reconnect and every 30 s.
 * 3. A search during loading waits for a limited time and is then refused as UNAVAILABLE.
 * 4. How often flows are played is asked at the start and every 10 minutes; the search does not wait for it.
 * 5. If the newest revision of the registry is below ours, its data was replaced (a restored backup), and everything is read again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Bus, LATE, type Log, within } from '@hero/bus';
import { allChanges, ChangedWorkflow, HeroError, workflowRevisions, workflowUse } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';
import type { Library } from './library.js';

export interface FollowerOptions {
  log: Log;
  /** Stops the follower. */
  signal: AbortSignal;
  /** Called after flows were put into the library or taken out of it, once the library is complete. */
  changed?: () => void;
  checkEveryMs?: number;
  /** How long a search waits for the index. */
  readyWithinMs?: number;
}

const CHECK_EVERY_MS = 30_000;
const USE_EVERY_MS = 600_000;
/** Below the 10 s that a caller waits. */
const READY_WITHIN_MS = 8_000;
const RETRY_MS = 500;
const PAGE = 200;

export class Follower {
  private revision = 0;
  private readyNow = false;
  private readyListeners: (() => void)[] = [];
  private checkedAt = 0;
  private timer?: Timer;

  constructor(
    private readonly library: Library,
    private readonly bus: Bus,
    private readonly options: FollowerOptions,
  ) {}

  /** Returns when it has subscribed; the list is read in the background. */
  async start(): Promise<void> {
    const { log, signal, checkEveryMs = CHECK_EVERY_MS } = this.options;
    await this.bus.follow(allChanges('workflow'), (data) => this.heard(data));
    this.timer = every(checkEveryMs, () => this.catchUp(), { log, signal, name: 'follow the registry', atOnce: true });
    every(USE_EVERY_MS, () => this.readUse(), { log, signal, name: 'read the use of flows', atOnce: true });
    const forget = this.bus.onReconnect(() => this.timer?.now());
    signal.addEventListener('abort', forget, { once: true });
  }

  /** Whether the index is complete and was recently compared with the registry. */
  get healthy(): boolean {
    return this.readyNow && performance.now() - this.checkedAt < 3 * (this.options.checkEveryMs ?? CHECK_EVERY_MS);
  }

  /** Resolves when the index is complete. */
  async ready(): Promise<void> {
    if (this.readyNow) return;
    const { readyWithinMs = READY_WITHIN_MS } = this.options;
    const ready = new Promise<void>((resolve) => this.readyListeners.push(resolve));
    if ((await within(ready, readyWithinMs)) !== LATE) return;
    throw new HeroError('UNAVAILABLE', 'The index is still being read from the registry; try again in a moment.');
  }

  private heard(data: unknown): void {
    const changed = ChangedWorkflow.safeParse(data);
    if (!changed.success) this.options.log.warn({ data }, 'malformed announcement of a workflow');
    else if (changed.data.revision > this.revision) this.timer?.now();
  }

  /** Reads revisions until none are left; repeats while the registry cannot be reached. */
  private async catchUp(): Promise<void> {
    const { log, signal } = this.options;
    for (let said = false; !signal.aborted; ) {
      try {
        const before = this.revision;
        while (await this.readPage());
        this.checkedAt = performance.now();
        this.becomeReady();
        if (this.revision !== before) this.options.changed?.();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof HeroError && error.retry)) throw error;
        if (!said)
          log.warn(
            { why: error.message, revision: this.revision },
            'the registry cannot be reached; trying again until it answers',
          );
        said = true;
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** True while there may be more. */
  private async readPage(): Promise<boolean> {
    const { items, revision } = await this.bus.ask(workflowRevisions, { after: this.revision, limit: PAGE });
    if (revision < this.revision) {
      this.options.log.warn(
        { ours: this.revision, registry: revision },
        'the data of the registry was replaced; reading everything again',
      );
      this.readyNow = false;
      this.library.clear();
      this.revision = 0;
      return true;
    }
    for (const { revision: at, workflow_sid, workflow } of items) {
      if (workflow) this.library.put(workflow, at);
      else this.library.remove(workflow_sid);
    }
    // A page may end anywhere; only the last change has the newest revision.
    this.revision = items.at(-1)?.revision ?? revision;
    return this.revision < revision;
  }

  /** The ranking goes without use, or with an older one, when the registry cannot be reached. */
  private async readUse(): Promise<void> {
    try {
      this.library.setUse(await this.bus.ask(workflowUse, {}));
    } catch (error) {
      if (!(error instanceof HeroError && error.retry)) throw error;
      this.options.log.debug({ why: error.message }, 'the use of flows could not be read');
    }
  }

  private becomeReady(): void {
    if (this.readyNow) return;
    this.readyNow = true;
    this.options.log.info({ workflows: this.library.size, revision: this.revision }, 'library read');
    for (const listener of this.readyListeners.splice(0)) listener();
  }
}
