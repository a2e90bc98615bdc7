/** The bus methods that executors call about packages: each passes its parameters to the class that does the work. */
import { Handle } from '@hero/bus';
import {
  locksNeeded,
  type Params,
  playPrepare,
  versionInstallRecord,
  versionLock,
  versionLockRecord,
} from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { Runs } from '../runs/runs.js';
import { Packages } from '../workflows/packages.js';

@Controller()
export class PackageHandlers {
  constructor(
    private readonly packages: Packages,
    private readonly runs: Runs,
  ) {}

  @Handle(versionLock) lock(p: Params<typeof versionLock>) {
    return this.packages.lock(p);
  }

  @Handle(versionLockRecord) record(p: Params<typeof versionLockRecord>) {
    return this.packages.record(p);
  }

  @Handle(versionInstallRecord) recordInstall(p: Params<typeof versionInstallRecord>) {
    return this.packages.recordInstall(p);
  }

  @Handle(locksNeeded) needed() {
    return this.packages.needed();
  }

  @Handle(playPrepare) prepare(p: Params<typeof playPrepare>) {
    return this.runs.prepare(p);
  }
}
