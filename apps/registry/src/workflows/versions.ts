/** Reads versions of workflows, through a cache: a version never changes. */
import { HeroError } from '@hero/contracts';
import { Injectable, Optional } from '@nestjs/common';
import { type PinnedRow, type VersionRecord, WorkflowStore } from './workflow-store.js';

export interface Pinned extends VersionRecord {
  workflow_name: string;
  current_version_sid: string;
}

type Wanted = { workflow_sid?: string; workflow_name?: string; version_sid?: string };

/** Of what asks for a current version, by one name. */
function keyOf({ workflow_sid, workflow_name, version_sid }: Wanted): string | undefined {
  if (version_sid !== undefined) return undefined;
  if (workflow_sid !== undefined) return workflow_name === undefined ? `sid ${workflow_sid}` : undefined;
  return workflow_name === undefined ? undefined : `name ${workflow_name}`;
}

/** JavaScript holds a source in two bytes a character at most. */
const CACHE_BYTES = 64 * 1024 * 1024;
const MOST_PINNED = 10_000;
const sizeOf = (version: VersionRecord): number => 2 * version.source.length + 4096;

/**
 * Versions as plays need them (I9): immutable, so that one that was read once is never read again while it fits.
 * A deleted version may linger here; what is asked of PostgreSQL with each start is whether it still exists.
 */
@Injectable()
export class Versions {
  /** In order of use: the first was not asked for longest. */
  private readonly cached = new Map<string, VersionRecord>();
  private readonly loading = new Map<string, Promise<VersionRecord | undefined>>();
  private bytes = 0;
  /** What was pinned last, by who asked for the current version of what. */
  private readonly pinned = new Map<string, PinnedRow>();

  constructor(
    private readonly store: WorkflowStore,
    @Optional() private readonly largest = CACHE_BYTES,
  ) {}

  /**
   * What `pin` answered last for this, where a current version was asked for and is at hand. It may be outdated: whoever uses it checks it in
   * the statement that relies on it, and forgets it where it does not hold.
   */
  remembered(ask: Wanted): Pinned | undefined {
    const key = keyOf(ask);
    const row = key === undefined ? undefined : this.pinned.get(key);
    const version = row && this.cached.get(row.current_version_sid);
    if (!version) return undefined;
    const { workflow_name, current_version_sid } = row;
    return { ...version, workflow_name, current_version_sid };
  }

  forget(ask: Wanted): void {
    const key = keyOf(ask);
    if (key !== undefined) this.pinned.delete(key);
  }

  /** What a new play runs: the version it names, or the current one. One round trip once the version is known here. */
  async pin(ask: Wanted): Promise<Pinned> {
    const row = await this.store.pinned(ask);
    const workflow = ask.workflow_sid ?? `named ${JSON.stringify(ask.workflow_name ?? '')}`;
    if (!row) throw new HeroError('NOT_FOUND', `There is no workflow ${workflow}; workflow_list shows what there is.`);
    if (row.version_sid === null) {
      throw new HeroError(
        'NOT_FOUND',
        `Workflow ${workflow} has no version ${ask.version_sid}; workflow_version_list shows its versions.`,
      );
    }
    const { workflow_name, current_version_sid } = row;
    const version = await this.get(row.version_sid);
    const key = keyOf(ask);
    if (key !== undefined) {
      if (this.pinned.size >= MOST_PINNED) this.pinned.clear();
      this.pinned.set(key, row);
    }
    return { ...version, workflow_name, current_version_sid };
  }

  async get(versionSid: string): Promise<VersionRecord> {
    const known = this.cached.get(versionSid);
    if (known) {
      this.cached.delete(versionSid);
      this.cached.set(versionSid, known);
      return known;
    }
    const version = await this.load(versionSid);
    if (!version) throw new HeroError('NOT_FOUND', `There is no version ${versionSid}; its workflow was deleted.`);
    return version;
  }

  /** Many plays that start at once after a boot read it once. */
  private load(versionSid: string): Promise<VersionRecord | undefined> {
    let loading = this.loading.get(versionSid);
    if (!loading) {
      loading = this.store
        .record(versionSid)
        .then((version) => (version && this.keep(version), version))
        .finally(() => this.loading.delete(versionSid));
      this.loading.set(versionSid, loading);
    }
    return loading;
  }

  private keep(version: VersionRecord): void {
    this.cached.set(version.version_sid, version);
    this.bytes += sizeOf(version);
    for (const [sid, oldest] of this.cached) {
      if (this.bytes <= this.largest) break;
      this.cached.delete(sid);
      this.bytes -= sizeOf(oldest);
    }
  }
}
