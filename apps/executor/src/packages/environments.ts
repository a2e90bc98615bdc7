/**
 * The environments of this executor's plays.
 *
 * 1. What a version requires is resolved once and recorded at the registry; whoever records second installs what the first one resolved.
 * 2. A lock is installed once on this machine, whatever executors ask for it (`environments/folders.py`), and opened once here, however
 *    many versions share it: what is replaced in `opened` would get no lease any more.
 * 3. Several plays that need the same wait for the same work. It goes on when none of them waits any more.
 * 4. Environments that no current version and no play needs are removed by the executors of the machine, some time after their last use.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '@hero/bus';
import { locksNeeded, type PackageLock, versionInstallRecord, versionLock, versionLockRecord } from '@hero/contracts';
import { every, type Timer } from '@hero/service-kit';
import type { RegistryCalls } from '../registry-calls.js';
import type { Environment } from './environment.js';
import { InstallFailed } from './install-failed.js';
import type { Installer } from './installer.js';
import { type Follow, Job } from './job.js';

const IDLE_MS = 10 * 60_000;
/** Fork servers without a play, besides that of plays without packages. */
const MOST_IDLE = 8;
const MOST_KNOWN = 10_000;
const SWEEP_MS = 10 * 60_000;
const TRIES = 5;

export interface EnvironmentsOptions {
  target: string;
  root: string;
  keepMs: number;
  open(folder: { id: string; folder: string; lock: string }): Promise<Environment>;
}

/** Kept open by `use`. */
export interface Opened {
  environment: Environment;
  use: Disposable;
}

interface Wanted {
  version_sid: string;
  requirements: string[];
}

export class Environments {
  /** Versions and the id of their lock. */
  private readonly known = new Map<string, PackageLock>();
  /** Versions on which an error of an installation stands, until one succeeds. */
  private readonly failed = new Set<string>();
  /** By lock, in order of use. */
  private readonly opened = new Map<string, Environment>();
  private readonly resolving = new Map<string, Job<PackageLock>>();
  private readonly building = new Map<string, Job<Environment>>();
  private readonly stopped = new AbortController();
  private leaseUntil?: number;
  private sweeper?: Timer;

  constructor(
    /** Of plays without packages. */
    readonly base: Environment,
    private readonly installer: Installer,
    private readonly calls: RegistryCalls,
    private readonly options: EnvironmentsOptions,
    private readonly log: Log,
  ) {}

  start(): void {
    const period = Math.max(1_000, Math.min(SWEEP_MS, this.options.keepMs));
    this.sweeper = every(period, () => this.sweep(), { log: this.log, name: 'removal of packages', atOnce: true });
  }

  /** The environment of a version if it is open; undefined where `prepare` has to be waited for. */
  ready(wanted: Wanted): Opened | undefined {
    const environment = this.openedFor(wanted);
    return environment && { environment, use: environment.use() };
  }

  private openedFor({ version_sid, requirements }: Wanted): Environment | undefined {
    if (requirements.length === 0) return this.base;
    const lock = this.known.get(version_sid);
    return lock && this.openedOf(lock.id);
  }

  private openedOf(id: string): Environment | undefined {
    const environment = this.opened.get(id);
    if (!environment) return undefined;
    this.opened.delete(id);
    // A fork server that died is started anew, unless the packages went with it.
    if (!environment.forks.healthy && !existsSync(this.folderOf(id))) {
      void this.closeOne(environment);
      return undefined;
    }
    this.opened.set(id, environment);
    return environment;
  }

  /** `follow` hears what is done meanwhile: nothing where the packages are installed already. Rejects with InstallFailed. */
  async prepare(wanted: Wanted, follow: Follow, signal: AbortSignal): Promise<Opened> {
    const lock = await this.joined(this.resolving, wanted.version_sid, follow, signal, (say) =>
      this.lockOf(wanted, say).catch((error: unknown) => this.report(wanted, error)),
    );
    const environment = await this.joined(this.building, lock.id, follow, signal, (say) => this.open(lock, say)).catch(
      (error: unknown) => this.report(wanted, error),
    );
    // Taken before anything else can run: an idle one may be closed.
    const use = environment.use();
    this.reportInstalled(wanted);
    return { environment, use };
  }

  lease(untilMs: number): void {
    this.leaseUntil = untilMs;
    for (const { forks } of this.all()) forks.lease(untilMs);
  }

  /** Something that all fork servers rely on died: others take over. */
  abandon(): void {
    for (const { forks } of this.all()) forks.abandon();
  }

  refill(): void {
    for (const { children } of this.all()) children.refill();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    this.installer.stop();
    await this.sweeper?.stop();
    await Promise.allSettled([...this.building.values()].map(({ result }) => result));
    await Promise.all([...this.all()].map((environment) => environment.close()));
  }

  private all(): Environment[] {
    return [this.base, ...this.opened.values()];
  }

  /** Rule 3. */
  private async joined<T>(
    jobs: Map<string, Job<T>>,
    key: string,
    follow: Follow,
    signal: AbortSignal,
    work: (say: Follow) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    let job = jobs.get(key);
    if (!job) {
      job = new Job((say) => work(say).finally(() => jobs.delete(key)));
      jobs.set(key, job);
    }
    using _following = job.follow(follow);
    return await unless(signal, job.result);
  }

  /** Rule 1. */
  private async lockOf({ version_sid, requirements }: Wanted, say: Follow): Promise<PackageLock> {
    const cached = this.known.get(version_sid);
    if (cached) return cached;
    const { target } = this.options;
    const { signal } = this.stopped;
    const found = await this.calls.untilAnswered(versionLock, { version_sid, target }, signal);
    if (found.failed) this.failed.add(version_sid);
    let { lock } = found;
    if (!lock) {
      say(`resolving ${requirements.join(', ')} for ${target}`);
      const packages = await this.installer.resolve(requirements, say);
      ({ lock } = await this.calls.untilAnswered(versionLockRecord, { version_sid, target, packages }, signal));
      say(`resolved: ${namesOf(lock)}`);
    }
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    this.known.set(version_sid, lock);
    return lock;
  }

  /** Rule 2. */
  private async open(lock: PackageLock, say: Follow): Promise<Environment> {
    const { id } = lock;
    // Another version that shares the lock may have opened it, or the job that did so has just ended.
    const opened = this.openedOf(id);
    if (opened) return opened;
    for (let tried = 1; ; tried++) {
      try {
        const environment = await this.openInstalled(lock, say);
        if (this.leaseUntil !== undefined) environment.forks.lease(this.leaseUntil);
        this.opened.set(id, environment);
        environment.forks.onGivenUp = () => {
          if (this.opened.get(id) === environment) this.opened.delete(id);
          void this.closeOne(environment);
        };
        environment.children.refill();
        this.closeIdle(MOST_IDLE, 0);
        return environment;
      } catch (error) {
        // An executor removed the folder before the fork server held it: nothing had needed it until now.
        if (error instanceof InstallFailed || tried === TRIES || existsSync(this.folderOf(id))) throw error;
      }
    }
  }

  private async openInstalled(lock: PackageLock, say: Follow): Promise<Environment> {
    const { id } = lock;
    const folder = this.folderOf(id);
    if (!existsSync(folder)) {
      say(`installing ${lock.packages.length} packages: ${namesOf(lock)}`);
      const built = await this.installer.build(lock, say);
      say('installed');
      if (built) this.log.info({ lock: id, packages: lock.packages.length }, 'packages were installed');
    }
    return await this.options.open({ id, folder, lock: `${folder}.lock` });
  }

  private folderOf(id: string): string {
    return join(this.options.root, id);
  }

  /** Keeps on the version why its packages could not be installed. Who waits for this hears the reason in any case. */
  private async report({ version_sid }: Wanted, error: unknown): Promise<never> {
    if (error instanceof InstallFailed && !this.stopped.signal.aborted) {
      this.failed.add(version_sid);
      const told = { version_sid, target: this.options.target, error: error.message };
      await this.calls.once(versionInstallRecord, told).catch((err: unknown) => {
        this.log.warn({ err, version_sid }, 'the registry did not take the error of an installation');
      });
    }
    throw error;
  }

  /** No play waits for this. Where it fails, the next executor that opens the version's packages does it. */
  private reportInstalled({ version_sid }: Wanted): void {
    if (!this.failed.delete(version_sid)) return;
    const told = { version_sid, target: this.options.target, error: null };
    this.calls.untilAnswered(versionInstallRecord, told, this.stopped.signal).catch((err: unknown) => {
      if (this.stopped.signal.aborted) return;
      this.failed.add(version_sid);
      this.log.warn({ err, version_sid }, 'the registry did not take that the packages are installed now');
    });
  }

  private closeIdle(most: number, idleMs: number): void {
    let more = this.opened.size - most;
    for (const [id, environment] of this.opened) {
      if (more <= 0) return;
      more--;
      if (environment.idleMs <= idleMs) continue;
      this.opened.delete(id);
      void this.closeOne(environment);
    }
  }

  private async closeOne(environment: Environment): Promise<void> {
    await environment.close().catch((err: unknown) => this.log.warn({ err }, 'a fork server did not close'));
  }

  /** Rule 4. */
  private async sweep(): Promise<void> {
    const { keepMs } = this.options;
    this.closeIdle(0, Math.min(IDLE_MS, keepMs));
    if (!existsSync(this.options.root)) return;
    const { signal } = this.stopped;
    const needed = await this.calls.untilAnswered(locksNeeded, {}, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (!needed) return;
    const { ids } = needed;
    const removed = await this.installer.sweep(ids, keepMs);
    if (removed.length > 0) this.log.info({ removed }, 'packages that nothing needs were removed');
  }
}

const namesOf = ({ packages }: PackageLock): string =>
  packages.map(({ name, version }) => `${name} ${version}`).join(', ');

/** The result, or the signal's reason if that comes first. */
async function unless<T>(signal: AbortSignal, result: Promise<T>): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
