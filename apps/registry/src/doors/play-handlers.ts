/** The bus methods of plays, their questions and their links: each passes its parameters to the class that does the work. */
import { type CallContext, Handle } from '@hero/bus';
import {
  type Params,
  playCancel,
  hookCheck,
  hookResume,
  playDelete,
  playFork,
  playHook,
  playEventsMark,
  playList,
  playPayload,
  playPendingResumes,
  playResume,
  playRetry,
  playRunAsync,
  playStart,
  playStatus,
  playWait,
  spanOutputs,
  registryStatus,
} from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { Forks } from '../plays/forks.js';
import { Hooks } from '../waits/hooks.js';
import { Payloads } from '../plays/payloads.js';
import { Cancels } from '../plays/cancels.js';
import { Plays } from '../plays/plays.js';
import { Retries } from '../plays/retries.js';
import { Answers } from '../waits/answers.js';
import { Starts } from '../plays/starts.js';
import { PlayWait } from '../plays/play-wait.js';

@Controller()
export class PlayHandlers {
  constructor(
    private readonly plays: Plays,
    private readonly cancels: Cancels,
    private readonly retries: Retries,
    private readonly payloads: Payloads,
    private readonly starts: Starts,
    private readonly answers: Answers,
    private readonly waits: PlayWait,
    private readonly forks: Forks,
    private readonly hooks: Hooks,
  ) {}

  @Handle(playStart) start(p: Params<typeof playStart>) {
    return this.starts.start(p);
  }

  @Handle(playRunAsync) runAsync(p: Params<typeof playRunAsync>) {
    return this.starts.runAsync(p);
  }

  @Handle(playStatus) status(p: Params<typeof playStatus>) {
    return this.plays.status(p);
  }

  @Handle(playWait) wait(p: Params<typeof playWait>, context: CallContext) {
    return this.waits.wait(p, context.closing);
  }

  @Handle(playList) list(p: Params<typeof playList>) {
    return this.plays.list(p);
  }

  @Handle(playPayload) payload(p: Params<typeof playPayload>) {
    return this.payloads.get(p);
  }

  @Handle(playCancel) cancel(p: Params<typeof playCancel>) {
    return this.cancels.cancel(p);
  }

  @Handle(playResume) resume(p: Params<typeof playResume>) {
    return this.answers.answer(p);
  }

  @Handle(playPendingResumes) pendingResumes(p: Params<typeof playPendingResumes>) {
    return this.answers.pending(p);
  }

  @Handle(playRetry) retry(p: Params<typeof playRetry>) {
    return this.retries.retry(p);
  }

  @Handle(spanOutputs) outputs(p: Params<typeof spanOutputs>) {
    return this.plays.spanOutputs(p);
  }

  @Handle(playFork) fork(p: Params<typeof playFork>) {
    return this.forks.fork(p);
  }

  @Handle(playHook) hook(p: Params<typeof playHook>) {
    return this.hooks.link(p);
  }

  @Handle(hookCheck) hookCheck(p: Params<typeof hookCheck>) {
    return this.hooks.check(p);
  }

  @Handle(hookResume) hookResume(p: Params<typeof hookResume>) {
    return this.hooks.answer(p);
  }

  @Handle(playDelete) remove(p: Params<typeof playDelete>) {
    return this.plays.remove(p);
  }

  @Handle(playEventsMark) eventsMark(p: Params<typeof playEventsMark>) {
    return this.plays.eventsMark(p.play_sid);
  }

  @Handle(registryStatus) registryStatus() {
    return this.plays.registryStatus();
  }
}
