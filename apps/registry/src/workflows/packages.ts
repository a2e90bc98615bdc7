/** The packages of versions: which releases were resolved, and whether they could be installed. Executors do both. */
import { createHash } from 'node:crypto';
import {
  HeroError,
  type LockedPackage,
  type Params,
  type Result,
  type locksNeeded,
  type versionInstallRecord,
  type versionLock,
  type versionLockRecord,
} from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { PackageStore } from './package-store.js';

@Injectable()
export class Packages {
  constructor(private readonly store: PackageStore) {}

  async lock(p: Params<typeof versionLock>): Promise<Result<typeof versionLock>> {
    const { lock, failed } = await this.store.lock(p);
    return { lock: lock ?? null, failed };
  }

  async record({ packages, ...of }: Params<typeof versionLockRecord>): Promise<Result<typeof versionLockRecord>> {
    // Somebody may have resolved the same requirements meanwhile, for this version or for another one.
    const { lock: known } = await this.store.lock(of);
    const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const lock = known ?? (await this.store.record(of, lockId(of.target, sorted), sorted));
    if (!lock) throw new HeroError('NOT_FOUND', `There is no version ${of.version_sid}; its workflow was deleted.`);
    return { lock };
  }

  async recordInstall({
    error,
    ...of
  }: Params<typeof versionInstallRecord>): Promise<Result<typeof versionInstallRecord>> {
    await this.store.recordInstall(of, error);
    return { ok: true };
  }

  async needed(): Promise<Result<typeof locksNeeded>> {
    return { ids: await this.store.needed() };
  }
}

/** Equal locks have equal ids, in whichever order the files of a package were listed. */
function lockId(target: string, packages: LockedPackage[]): string {
  const content = packages.map(({ name, version, hashes }) => [name, version, hashes.toSorted()]);
  return createHash('sha256')
    .update(JSON.stringify([target, content]))
    .digest('hex')
    .slice(0, 32);
}
