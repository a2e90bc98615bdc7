import { Bus, Handle } from '@hero/bus';
import { type Result, rpcDiscover, systemStatus as systemStatusContract } from '@hero/contracts';
import { type BaseEnv, ENV } from '@hero/service-kit';
import { Controller, Inject } from '@nestjs/common';
import { openRpcText } from './open-rpc.js';
import { systemStatus } from './system-status.js';

/** The two methods of the gateway itself. It calls them over the bus, as it calls all others. */
@Controller()
export class Handlers {
  constructor(
    private readonly bus: Bus,
    @Inject(ENV) private readonly env: BaseEnv & { HERO_SANDBOX: string },
  ) {}

  @Handle(systemStatusContract)
  status(): Promise<Result<typeof systemStatusContract>> {
    return systemStatus(this.bus, this.env.HERO_HOME, this.env.HERO_SANDBOX);
  }

  @Handle(rpcDiscover)
  discover(): Result<typeof rpcDiscover> {
    return JSON.parse(openRpcText()) as Result<typeof rpcDiscover>;
  }
}
