/**
 * What a play asks of the registry: commits, a pause, the end; each frame gets exactly one reply, or none when fenced.
 *
 * 1. I3: a step is answered after its outcome is committed. One group of a play is under way at a time, numbered from 1
 *    without holes; commits that arrive in between go into the next one.
 * 2. A pause and an end wait for the commits before them, and carry where the history ends.
 * 3. I2: `fenced` is the end of this process, without a reply.
 * 4. An ask records what a branch begins to wait for while others work (decision 14). When an answer arrives in between, the
 *    executor sends `woken` to the play immediately, and the play asks for the answer.
 * 5. Where something may end soon the process lingers: it waits without a slot and without its clock running, for a notice or
 *    for 2 s (docs/protocol.md, section 3). I11: what got no slot in time, or no answer, is suspended.
 */
import type { Bus } from '@hero/bus';
import {
  type EventsMark,
  type JsonObject,
  messageOf,
  MIB,
  type ParamsInput,
  type PlayFrame,
  playAsk,
  playEnd,
  playPause,
  type Result,
  type Run,
  type StepOutcome,
} from '@hero/contracts';
import { failpoint } from '@hero/service-kit';
import { type Commits, sizeOfGroup } from './commits.js';
import type { ControlLane } from './control-lane.js';
import { UnorderedRequests } from './unordered-requests.js';
import { type History, now } from './history.js';
import type { SecretGuard } from './secrets/guard.js';
import type { Broker } from './settings.js';
import type { RegistryCalls } from './registry-calls.js';
import type { Slot } from './slots.js';
import type { TelemetryLane } from './telemetry-lane.js';
import { Waiters } from './waiters.js';

type Frame<T extends PlayFrame['t']> = Extract<PlayFrame, { t: T }>;
/** `suspended` and `ended`: committed, the process will exit by itself. `lost`: the claim has ended, and no write of it is accepted. */
export type Standing = 'running' | 'suspended' | 'ended' | 'lost';

const GROUP_BYTES = 4 * MIB;
const EMITTED_WITHIN_MS = 1_000;
const LINGER_MS = 2_000;

export interface RequestsOf {
  run: Run;
  bus: Bus;
  slot: Slot;
  guard: SecretGuard;
  broker: Broker | undefined;
  control: ControlLane;
  telemetry: TelemetryLane;
  history: History;
  signal: AbortSignal;
  /** The play's own time limit, which waits do not count for. */
  clock: { stop(): void; start(remainingMs: number | null): void };
  onStanding(standing: Exclude<Standing, 'running'>): void;
}

export class Requests {
  standing: Standing = 'running';
  private nextGroup = 1;
  private waiting: Frame<'commit'>[] = [];
  /** How many of the next frames are committed one by one, because they were refused as one group. */
  private alone = 0;
  private work: Promise<void> = Promise.resolve();
  private committing = false;
  private readonly unordered: UnorderedRequests;
  private readonly notices = new Waiters();
  private notified = false;
  private pausing = false;
  private diverged: JsonObject | null = null;

  constructor(
    private readonly calls: RegistryCalls,
    private readonly commits: Commits,
    private readonly of: RequestsOf,
  ) {
    const { run, bus, guard, broker, control, history, signal } = of;
    this.unordered = new UnorderedRequests(calls, {
      run,
      bus,
      guard,
      broker,
      control,
      history,
      signal,
      onFenced: () => this.become('lost'),
    });
  }

  take(frame: PlayFrame): void {
    if (frame.t === 'commit') {
      this.waiting.push(frame);
      if (!this.committing) {
        this.committing = true;
        this.enqueue(() => this.commitAll());
      }
    } else if (frame.t === 'pause') this.enqueue(() => this.pause(frame));
    else if (frame.t === 'end') this.enqueue(() => this.end(frame));
    else if (frame.t === 'ask') this.enqueue(() => this.ask(frame));
    else void this.unordered.run(frame);
  }

  /** Something that the play waits for has an answer: rule 4, or the end of lingering. */
  notify(): void {
    this.notified = true;
    if (this.pausing) this.notices.all();
    else this.tellWoken();
  }

  /** The process has to exit: lingering ends. */
  release(): void {
    this.notices.all();
  }

  /** Resolves when every request so far has its answer, or its answer is no longer needed. */
  idle(): Promise<void> {
    return this.work;
  }

  private enqueue(request: () => Promise<void>): void {
    this.work = this.work.then(async () => {
      if (this.standing !== 'running') return;
      try {
        await request();
      } catch (error) {
        if (!this.of.signal.aborted) throw error;
      }
    });
  }

  private async commitAll(): Promise<void> {
    try {
      while (this.waiting.length > 0 && this.standing === 'running') await this.commitGroup(this.takeGroup());
    } finally {
      this.committing = false;
    }
  }

  private takeGroup(): Frame<'commit'>[] {
    if (this.alone > 0) {
      this.alone--;
      return this.waiting.splice(0, 1);
    }
    let bytes = 0;
    let count = 0;
    for (const frame of this.waiting) {
      bytes += sizeOfGroup(frame);
      if (count > 0 && bytes > GROUP_BYTES) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async commitGroup(frames: Frame<'commit'>[]): Promise<void> {
    const { play_sid, epoch } = this.of.run;
    const steps = frames.length === 1 && frames[0] ? frames[0].steps : frames.flatMap((frame) => frame.steps);
    const diverged = frames.find((frame) => frame.diverged)?.diverged ?? null;
    const cost_usd = frames.reduce((sum, frame) => sum + frame.cost_usd, 0);
    const group = {
      play_sid,
      epoch,
      group: this.nextGroup,
      cost_usd,
      steps,
      diverged,
    };
    const { result, message = '' } = await this.commits.commit(group, this.of.signal);
    switch (result) {
      case 'done':
        this.nextGroup++;
        this.of.control.reply(...frames.map(({ id }) => ({ t: 'done' as const, id })));
        this.tellCommitted(steps);
        this.tellDiverged(diverged);
        return;
      case 'fenced':
        return this.become('lost');
      case 'refused': {
        const [first] = frames;
        if (frames.length === 1 && first) return this.refuse(first.id, message);
        this.waiting.unshift(...frames);
        this.alone = frames.length;
      }
    }
  }

  private tellCommitted(steps: StepOutcome[]): void {
    const at = now();
    for (const { span_id, step_key } of steps) this.of.history.add({ type: 'step_committed', at, span_id, step_key });
  }

  private async ask(frame: Frame<'ask'>): Promise<void> {
    const { id, questions, withdrawn, cost_usd, diverged } = frame;
    this.tellDiverged(diverged);
    await failpoint('executor.ask.before');
    const asked = { ...this.fence, questions, withdrawn, cost_usd, diverged };
    const answer = await this.answered(id, () => this.request(playAsk, { ...asked, group: this.nextGroup }));
    if (!answer) return;
    await failpoint('executor.ask.after');
    switch (answer.result) {
      case 'answered':
        this.nextGroup++;
        if (answer.resume_ids.length > 0) {
          this.of.history.add({ type: 'asked', at: now(), resume_ids: answer.resume_ids });
        }
        return this.of.control.reply({ t: 'answers', id, answers: answer.answers, more: answer.more });
      case 'ended':
      case 'fenced':
        return this.become('lost');
      case 'refused':
        return this.refuse(id, answer.message ?? '');
    }
  }

  private tellWoken(): void {
    if (this.standing === 'running') this.of.control.reply({ t: 'woken' });
  }

  private async pause(frame: Frame<'pause'>): Promise<void> {
    const { id, questions, withdrawn, replay, cost_usd, diverged } = frame;
    this.tellDiverged(diverged);
    const events = await this.mark(frame.emitted);
    const asked = { ...this.fence, questions, withdrawn, replay, events };
    this.notified = false;
    this.pausing = true;
    let answer = await this.answered(id, () =>
      this.request(playPause, { ...asked, group: this.nextGroup, cost_usd, diverged, linger: true }),
    );
    if (answer?.result === 'waiting') {
      this.nextGroup++;
      this.tellPaused(answer.resume_ids);
      const park = !(await this.linger());
      this.notified = false;
      answer = await this.answered(id, () =>
        this.request(playPause, { ...asked, group: this.nextGroup, cost_usd: 0, park }),
      );
    } else if (answer?.result === 'suspended') this.tellPaused(answer.resume_ids);
    this.pausing = false;
    if (!answer) return;
    await failpoint('executor.pause.after');
    switch (answer.result) {
      case 'answered':
        this.nextGroup++;
        if (answer.remaining_ms !== undefined) this.of.clock.start(answer.remaining_ms);
        this.of.control.reply({ t: 'answers', id, answers: answer.answers, more: answer.more });
        // Answers that arrived during this request may be missing from its reply.
        if (this.notified) this.tellWoken();
        return;
      case 'suspended':
        this.become('suspended');
        return this.of.control.reply({ t: 'suspended', id });
      case 'waiting':
      case 'ended':
      case 'fenced':
        return this.become('lost');
      case 'refused':
        return this.refuse(id, answer.message ?? '');
    }
  }

  /** Whether something was answered and the play has a slot to go on with. */
  private async linger(): Promise<boolean> {
    const { slot, clock } = this.of;
    const limit = performance.now() + LINGER_MS;
    clock.stop();
    if (!slot.lend()) return false;
    if (!this.notified && !(await this.notices.next(LINGER_MS))) return false;
    return slot.back(Math.max(1, limit - performance.now()));
  }

  private tellPaused(resume_ids: string[]): void {
    if (resume_ids.length > 0) this.of.history.add({ type: 'paused', at: now(), resume_ids });
  }

  /** The first difference is reported once. */
  private tellDiverged(difference: JsonObject | null): void {
    if (!difference || this.diverged) return;
    this.diverged = difference;
    this.of.history.add({ type: 'diverged', at: now(), difference });
  }

  private async end(frame: Frame<'end'>): Promise<void> {
    const { id, status, output, error, failed_at, cost_usd, diverged } = frame;
    this.tellDiverged(diverged);
    const events = await this.mark(frame.emitted);
    await failpoint('executor.end.before');
    const answer = await this.answered(id, () =>
      this.request(playEnd, { ...this.fence, status, output, error, failed_at, cost_usd, diverged, events }),
    );
    if (!answer) return;
    await failpoint('executor.end.after');
    switch (answer.result) {
      case 'done':
        this.become('ended');
        return this.of.control.reply({ t: 'done', id });
      case 'fenced':
        return this.become('lost');
      case 'busy':
      case 'refused':
        return this.refuse(id, answer.message ?? '');
    }
  }

  private request<C extends typeof playAsk | typeof playPause | typeof playEnd>(
    contract: C,
    params: ParamsInput<C>,
  ): Promise<Result<C>> {
    return this.calls.untilAnswered(contract, params, this.of.signal);
  }

  /** The answer; undefined where the request itself was refused, and the play was told so. */
  private async answered<T>(id: number, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      this.of.signal.throwIfAborted();
      this.refuse(id, messageOf(error));
      return undefined;
    }
  }

  private get fence(): { owner: string; play_sid: string; epoch: number } {
    const { play_sid, epoch } = this.of.run;
    return { owner: this.calls.owner, play_sid, epoch };
  }

  private async mark(emitted: number): Promise<EventsMark | null> {
    await this.of.telemetry.until(emitted, EMITTED_WITHIN_MS);
    return await this.of.history.sent();
  }

  private refuse(id: number, message: string): void {
    this.of.control.reply({ t: 'refused', id, code: 'REFUSED', message });
  }

  private become(standing: Exclude<Standing, 'running'>): void {
    this.standing = standing;
    this.of.onStanding(standing);
  }
}
