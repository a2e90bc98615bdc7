/**
 * Keeps the index as the registry is.
 *
 * 1. It listens before it lists, so that no change falls between the two.
 * 2. An announcement is only a reason to ask: best effort, it may be lost or late. What counts is the answer to
 *    `workflow_revisions`, which is in order of commit and has no holes; asked again after each reconnect and every 30 s.
 * 3. No question is answered from an index that is still loading: it waits, bounded, and is then refused for now.
 * 4. A registry whose newest revision is below ours is another one (a restored backup): everything is read again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Bus, LATE, type Log, within } from '@hero/bus';
import { allChanges, ChangedWorkflow, HeroError, workflowRevisions } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';
import type { Library } from './library.js';

export interface FollowerOptions {
  log: Log;
  /** Ends it. */
  signal: AbortSignal;
  checkEveryMs?: number;
  /** How long a question waits for the index. */
  readyWithinMs?: number;
}

const CHECK_EVERY_MS = 30_000;
/** Below the 10 s that an asker waits. */
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

  /** Returns when it listens; the list is read meanwhile. */
  async start(): Promise<void> {
    const { log, signal, checkEveryMs = CHECK_EVERY_MS } = this.options;
    await this.bus.follow(allChanges('workflow'), (data) => this.heard(data));
    this.timer = every(checkEveryMs, () => this.catchUp(), { log, signal, name: 'follow the registry', atOnce: true });
    const forget = this.bus.onReconnect(() => this.timer?.now());
    signal.addEventListener('abort', forget, { once: true });
  }

  /** The index is complete, and the registry was asked not long ago. */
  get healthy(): boolean {
    return this.readyNow && performance.now() - this.checkedAt < 3 * (this.options.checkEveryMs ?? CHECK_EVERY_MS);
  }

  /** Resolves when the index is complete. */
  async ready(): Promise<void> {
    if (this.readyNow) return;
    const { readyWithinMs = READY_WITHIN_MS } = this.options;
    const ready = new Promise<void>((resolve) => this.readyListeners.push(resolve));
    if ((await within(ready, readyWithinMs)) !== LATE) return;
    throw new HeroError('UNAVAILABLE', 'The library is still being read from the registry; try again in a moment.');
  }

  private heard(data: unknown): void {
    const changed = ChangedWorkflow.safeParse(data);
    if (!changed.success) this.options.log.warn({ data }, 'an announcement of a workflow is malformed');
    else if (changed.data.revision > this.revision) this.timer?.now();
  }

  /** Asks until nothing is left; while the registry is away, until it is back. */
  private async catchUp(): Promise<void> {
    const { log, signal } = this.options;
    for (let said = false; !signal.aborted; ) {
      try {
        while (await this.readPage());
        this.checkedAt = performance.now();
        return this.becomeReady();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof HeroError && error.retry)) throw error;
        if (!said)
          log.warn(
            { why: error.message, revision: this.revision },
            'the registry is away; asking again until it is back',
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
        'the registry starts anew; reading everything',
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
    // A page may be cut anywhere; the last change there is carries the newest revision.
    this.revision = items.at(-1)?.revision ?? revision;
    return this.revision < revision;
  }

  private becomeReady(): void {
    if (this.readyNow) return;
    this.readyNow = true;
    this.options.log.info({ workflows: this.library.size, revision: this.revision }, 'library read');
    for (const listener of this.readyListeners.splice(0)) listener();
  }
}
