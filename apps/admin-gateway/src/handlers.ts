import { type Bus, Handle } from '@hero/bus';
import { type Result, rpcDiscover, systemStatus as systemStatusContract } from '@hero/contracts';
import { Controller, Inject } from '@nestjs/common';
import { openRpcText } from './open-rpc.js';
import { systemStatus } from './system-status.js';

export const BUS = Symbol('bus');
export const FACTS = Symbol('facts');
export interface Facts {
  home: string;
  sandbox: string;
}

/** The gateway's own two methods; it asks for them over the bus like for all others. */
@Controller()
export class Handlers {
  constructor(
    @Inject(BUS) private readonly bus: Bus,
    @Inject(FACTS) private readonly facts: Facts,
  ) {}

  @Handle(systemStatusContract)
  status(): Promise<Result<typeof systemStatusContract>> {
    return systemStatus(this.bus, this.facts.home, this.facts.sandbox);
  }

  @Handle(rpcDiscover)
  discover(): Result<typeof rpcDiscover> {
    return JSON.parse(openRpcText()) as Result<typeof rpcDiscover>;
  }
}
