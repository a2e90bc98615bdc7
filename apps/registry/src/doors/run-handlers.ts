/** The bus methods that executors call while a play runs: each passes its parameters to the class that does the work. */
import { Handle } from '@hero/bus';
import {
  executorLease,
  type Params,
  playAsk,
  playClaim,
  playEnd,
  playExit,
  playMemory,
  playPause,
  playRelease,
  playResolve,
  playSpawn,
  stepCommit,
} from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { Asks } from '../waits/asks.js';
import { Leases } from '../runs/leases.js';
import { Pauses } from '../waits/pauses.js';
import { Runs } from '../runs/runs.js';
import { Spawns } from '../waits/spawns.js';
import { Steps } from '../runs/steps.js';

@Controller()
export class RunHandlers {
  constructor(
    private readonly runs: Runs,
    private readonly steps: Steps,
    private readonly asks: Asks,
    private readonly pauses: Pauses,
    private readonly leases: Leases,
    private readonly spawns: Spawns,
  ) {}

  @Handle(playClaim) claim(p: Params<typeof playClaim>) {
    return this.runs.claim(p);
  }

  @Handle(playMemory) memory(p: Params<typeof playMemory>) {
    return this.runs.page(p);
  }

  @Handle(stepCommit) commit(p: Params<typeof stepCommit>) {
    return this.steps.commit(p);
  }

  @Handle(playAsk) ask(p: Params<typeof playAsk>) {
    return this.asks.ask(p);
  }

  @Handle(playPause) pause(p: Params<typeof playPause>) {
    return this.pauses.pause(p);
  }

  @Handle(playSpawn) spawn(p: Params<typeof playSpawn>) {
    return this.spawns.spawn(p);
  }

  @Handle(playResolve) resolve(p: Params<typeof playResolve>) {
    return this.spawns.resolve(p);
  }

  @Handle(playEnd) end(p: Params<typeof playEnd>) {
    return this.runs.end(p);
  }

  @Handle(playExit) exit(p: Params<typeof playExit>) {
    return this.runs.exit(p);
  }

  @Handle(playRelease) release(p: Params<typeof playRelease>) {
    return this.runs.release(p);
  }

  @Handle(executorLease) lease(p: Params<typeof executorLease>) {
    return this.leases.renew(p);
  }
}
