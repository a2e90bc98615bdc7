/** The part of the fake registry that knows which packages were resolved for which version. */
import { createHash } from 'node:crypto';
import { Handle } from '@hero/bus';
import {
  locksNeeded,
  type PackageLock,
  type Params,
  playPrepare,
  type Result,
  versionInstallRecord,
  versionLock,
  versionLockRecord,
} from '@hero/contracts';
import { Controller } from '@nestjs/common';

export class FakeLocks {
  /** By version. */
  readonly locks = new Map<string, PackageLock>();
  readonly errors = new Map<string, string>();
  /** Versions that executors told of, and whether their packages were installed. */
  readonly installs: [string, boolean][] = [];
  readonly prepared: boolean[] = [];
  /** How often a version's lock was recorded, or tried to be. */
  recorded = 0;
  needed: string[] = [];
}

export function lockHandlers(of: () => FakeLocks): new () => object {
  @Controller()
  class Door {
    @Handle(versionLock)
    lock({ version_sid }: Params<typeof versionLock>): Result<typeof versionLock> {
      return { lock: of().locks.get(version_sid) ?? null, failed: of().errors.has(version_sid) };
    }

    @Handle(versionLockRecord)
    record({ version_sid, packages }: Params<typeof versionLockRecord>): Result<typeof versionLockRecord> {
      const { locks } = of();
      of().recorded++;
      const id = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 32);
      const lock = locks.get(version_sid) ?? { id, packages };
      locks.set(version_sid, lock);
      return { lock };
    }

    @Handle(versionInstallRecord)
    install({ version_sid, error }: Params<typeof versionInstallRecord>): Result<typeof versionInstallRecord> {
      of().installs.push([version_sid, error === null]);
      if (error === null) of().errors.delete(version_sid);
      else of().errors.set(version_sid, error);
      return { ok: true };
    }

    @Handle(locksNeeded)
    needed(): Result<typeof locksNeeded> {
      return { ids: of().needed };
    }

    @Handle(playPrepare)
    prepare({ preparing }: Params<typeof playPrepare>): Result<typeof playPrepare> {
      of().prepared.push(preparing);
      return { held: true, remaining_ms: null };
    }
  }
  return Door;
}
