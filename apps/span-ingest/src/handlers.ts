/** The bus methods of span-ingest: each passes its parameters to the class that does the work. */
import { type CallContext, Handle } from '@hero/bus';
import {
  type Params,
  playEvents,
  playLogs,
  playSpansMethod,
  type Result,
  spanBegan,
  spanPage,
  spanPush,
  spansDelete,
  spansReached,
} from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { History } from './history.js';
import { Reach } from './reach.js';
import { Pushes } from './pushes.js';

@Controller()
export class Handlers {
  constructor(
    private readonly history: History,
    private readonly reach: Reach,
    private readonly pushes: Pushes,
  ) {}

  @Handle(playSpansMethod) spans(p: Params<typeof playSpansMethod>): Promise<Result<typeof playSpansMethod>> {
    return this.history.spans(p);
  }

  @Handle(spanPage) page(p: Params<typeof spanPage>): Promise<Result<typeof spanPage>> {
    return this.history.page(p);
  }

  @Handle(playEvents) events(p: Params<typeof playEvents>): Promise<Result<typeof playEvents>> {
    return this.history.events(p);
  }

  @Handle(playLogs) logs(p: Params<typeof playLogs>) {
    return this.history.logs(p);
  }

  @Handle(spansReached) reached(p: Params<typeof spansReached>, { closing }: CallContext) {
    return this.reach.reached(p, closing);
  }

  @Handle(spanBegan) began(p: Params<typeof spanBegan>) {
    return this.history.began(p);
  }

  @Handle(spansDelete) delete(p: Params<typeof spansDelete>) {
    return this.history.delete(p);
  }

  @Handle(spanPush) push(p: Params<typeof spanPush>) {
    return this.pushes.push(p);
  }
}
