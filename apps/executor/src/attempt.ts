/**
 * One attempt of a play: its process tree, its three lanes, and the report of its end.
 *
 * 1. Whatever ends it, its whole process tree has ended before its slot is free and before its end is reported.
 * 2. The reason why this executor killed it goes before how the process ended.
 * 3. A deadline that passed, a drain, a fork server that died: nothing is the play's fault, it is given back uncounted.
 */
import type { Socket } from 'node:net';
import type { Bus, Log } from '@hero/bus';
import {
  type ExitCause,
  HeroError,
  type MemoryPage,
  messageOf,
  type PlayFrame,
  playExit,
  playMemory,
  playRelease,
  type Run,
} from '@hero/contracts';
import { after, failpoint } from '@hero/service-kit';
import type { Commits } from './commits.js';
import { ControlLane } from './control-lane.js';
import type { Child } from './children.js';
import type { EgressProxy } from './egress-proxy.js';
import { causeOf, type KillReason, reasonOf } from './endings.js';
import type { Ending } from './fork-server.js';
import { History, now } from './history.js';
import type { Lane, Lanes } from './lanes.js';
import { OutputLane } from './output-lane.js';
import type { Broker } from './settings.js';
import type { Environment } from './packages/environment.js';
import type { Environments, Opened } from './packages/environments.js';
import { Preparation } from './packages/preparation.js';
import type { Publisher } from './publisher.js';
import type { RegistryCalls } from './registry-calls.js';
import { Requests } from './requests.js';
import { refusal, SecretGuard } from './secrets/guard.js';
import { declaredSecrets, type Secrets } from './secrets/secrets.js';
import type { Slot } from './slots.js';
import { TelemetryLane } from './telemetry-lane.js';
import { Waiters } from './waiters.js';
import type { Workdirs } from './workdirs.js';

/** How long a process may take to leave after its end or its pause was committed. */
const LEAVE_WITHIN_MS = 5_000;
const LANES_CLOSE_WITHIN_MS = 1_000;

export interface Surroundings {
  bus: Bus;
  calls: RegistryCalls;
  commits: Commits;
  environments: Environments;
  lanes: Lanes;
  workdirs: Workdirs;
  publisher: Publisher;
  secrets: Secrets;
  broker: Broker | undefined;
  proxy: EgressProxy | null;
  /** Plays use the host's network: nothing can be narrowed. */
  hostNetwork: boolean;
  alwaysReplay: boolean;
  log: Log;
}

export class Attempt {
  private readonly stopped = new AbortController();
  private readonly history: History;
  private readonly guard: SecretGuard;
  private readonly control: ControlLane;
  private readonly telemetry: TelemetryLane;
  private readonly output: OutputLane;
  private readonly requests: Requests;
  private readonly open = new Set<Socket>();
  private readonly laneClosed = new Waiters();
  private readonly timers: Disposable[] = [];
  private limit?: Disposable;
  private child?: Child;
  /** What runs it; until its packages are there, that of plays without packages: the level is at least that one's. */
  private runsIn: Environment;
  private remainingMs: number | null;
  private killed?: { reason: KillReason; message: string };

  constructor(
    readonly run: Run,
    private readonly slot: Slot,
    private readonly around: Surroundings,
  ) {
    this.history = new History(run, around.publisher);
    this.guard = new SecretGuard(around.secrets, declaredSecrets(run.options));
    this.remainingMs = run.remaining_ms;
    this.runsIn = around.environments.base;
    const garbage = (what: string): void => this.kill('protocol', what);
    this.telemetry = new TelemetryLane(this.history, this.guard);
    const tooMuch = (): void => this.kill('limit', 'The play wrote more than 1 GiB of output.');
    this.output = new OutputLane(this.history, this.guard, tooMuch);
    this.control = new ControlLane((frame) => this.take(frame), garbage);
    this.requests = new Requests(around.calls, around.commits, {
      run,
      bus: around.bus,
      slot,
      guard: this.guard,
      broker: around.broker,
      control: this.control,
      telemetry: this.telemetry,
      history: this.history,
      signal: this.stopped.signal,
      clock: { start: (remainingMs) => this.startClock(remainingMs), stop: () => this.limit?.[Symbol.dispose]() },
      onStanding: (standing) => {
        if (standing === 'lost') this.kill('fenced');
        else this.timers.push(after(LEAVE_WITHIN_MS, () => this.kill('lingered')));
      },
    });
  }

  /** Runs it; resolves when its process tree has ended and its folder is removed. `report` then tells the registry how it ended. */
  async live(): Promise<Ending> {
    const { run } = this;
    let opened = this.around.environments.ready(run);
    try {
      if (opened) this.runsIn = opened.environment;
      this.tellStarted();
      await failpoint('executor.fork.before');
      const attach = (lane: Lane, socket: Socket, first: Buffer): void => this.attach(lane, socket, first);
      try {
        opened ??= await this.prepared();
        this.runsIn = opened.environment;
        this.child = await opened.environment.children.start(run, attach, this.stopped.signal);
      } catch (error) {
        if (this.killed) return { t: 'lost' };
        throw error;
      }
      if (this.killed) this.child.kill();
      this.bindEgress(this.child);
      await failpoint('executor.fork.after');
      const ending = await this.child.ended;
      await this.lanesClosed();
      return ending;
    } finally {
      for (const socket of this.open) socket.destroy();
      for (const timer of this.timers) timer[Symbol.dispose]();
      this.limit?.[Symbol.dispose]();
      await this.child?.clear();
      opened?.use[Symbol.dispose]();
    }
  }

  /** The environment of its packages, which may have to be installed first. */
  private async prepared(): Promise<Opened> {
    const { run, around, slot, history } = this;
    try {
      const preparation = new Preparation(run, slot, history, around.calls, this.stopped.signal);
      const prepared = await preparation.wait(around.environments);
      this.remainingMs = prepared.remainingMs;
      return prepared;
    } catch (error) {
      this.kill(reasonOf(error), messageOf(error));
      throw error;
    }
  }

  /** Tells the registry how it ended; until then the registry must believe that this executor owns the play. */
  async report(ending: Ending): Promise<void> {
    const { run, around } = this;
    // A request that was under way when the process died may still decide how the play ends.
    if (!this.stopped.signal.aborted) await this.requests.idle();
    const { standing } = this.requests;
    const cause = causeOf(ending, standing, this.killed);
    const { play_sid, epoch } = run;
    around.log.info(
      { play_sid, epoch, attempt: run.attempt, standing, killed: this.killed?.reason, cause },
      'attempt over',
    );
    const never = new AbortController().signal;
    if (cause === 'release') {
      const given = { owner: around.calls.owner, plays: [{ play_sid, epoch }] };
      await around.calls.untilAnswered(playRelease, given, never, Number.POSITIVE_INFINITY);
    } else if (cause !== 'nothing') await this.tellExit(cause, never);
    this.stopped.abort();
    this.history.mark();
  }

  /** Something that it waits for has an answer. */
  notify(): void {
    this.requests.notify();
  }

  kill(reason: KillReason, message = ''): void {
    this.killed ??= { reason, message: this.guard.text(message) };
    // What waits for an answer on its behalf is no longer needed, except a commit that is under way at the registry.
    if (reason !== 'lingered' && reason !== 'protocol') this.stopped.abort();
    this.child?.kill();
    this.requests.release();
  }

  private take(frame: PlayFrame): void {
    const guarded = this.guard.frame(frame);
    if ('t' in guarded) return this.requests.take(guarded);
    this.control.reply({ t: 'refused', id: frame.id, code: 'FORBIDDEN', message: refusal(guarded.secret) });
  }

  private async tellExit(cause: ExitCause, signal: AbortSignal): Promise<void> {
    const { play_sid, epoch } = this.run;
    await failpoint('executor.exit.before');
    const told = { owner: this.around.calls.owner, play_sid, epoch, cause, events: await this.history.sent() };
    await this.around.calls.untilAnswered(playExit, told, signal, Number.POSITIVE_INFINITY);
  }

  /** Its requests are known as this play's from now on; what the proxy refuses stands in its log. */
  private bindEgress({ token }: Child): void {
    const { egress } = this.run.options;
    const narrowed = Array.isArray(egress) ? egress.filter((entry) => typeof entry === 'string') : null;
    const tell = (said: string): void => {
      const text = this.guard.text(said);
      this.history.add({ type: 'log', at: now(), span_id: null, text, stream: 'stderr' }, text.length + 100);
    };
    const { proxy } = this.around;
    if (proxy) this.timers.push(proxy.bind(token, narrowed, tell));
    else if (narrowed && this.around.hostNetwork)
      tell('egress: what this flow declares is not enforced, because the executor gives plays the host’s network');
  }

  private tellStarted(): void {
    const { level, enforced, missing } = this.runsIn.forks.sandbox;
    const executor = this.around.calls.owner;
    this.history.add({ type: 'attempt_started', at: now(), executor, sandbox: { level, enforced, missing } });
  }

  private attach(lane: Lane, socket: Socket, first: Buffer): void {
    this.open.add(socket);
    socket.on('close', () => {
      this.open.delete(socket);
      this.laneClosed.all();
    });
    if (lane === 'telemetry') this.telemetry.attach(socket, first);
    else if (lane === 'output') this.output.attach(socket, first);
    else {
      this.control.attach(socket, first);
      this.greet().catch((err: unknown) => {
        if (this.stopped.signal.aborted) return;
        this.around.log.error({ err, play_sid: this.run.play_sid }, 'a message to the play could not be sent');
        const fenced = err instanceof HeroError && err.code === 'INVALID_STATE';
        this.kill(fenced ? 'fenced' : 'not_started', `The play could not be told what to run: ${messageOf(err)}`);
      });
    }
  }

  /** What the play must know before it runs: its source and input, and all that it remembers, in pages. */
  private async greet(): Promise<void> {
    const { run, around, control } = this;
    const { signal } = this.stopped;
    const { play_sid, attempt, version_sid, workflow_name, source, entry, options, input, parent_span_id } = run;
    const what = { play_sid, attempt, version_sid, workflow_name, source, entry, options, input, parent_span_id };
    const { sandbox } = this.runsIn.forks;
    await control.send({ t: 'start', ...what, sandbox, always_replay: around.alwaysReplay }, signal);
    let page: MemoryPage = run.memory;
    for (;;) {
      if (page.items.length > 0) await control.send({ t: 'memory', items: page.items }, signal);
      if (page.next === null) break;
      const fence = { owner: around.calls.owner, play_sid, epoch: run.epoch };
      page = await around.calls.untilAnswered(playMemory, { ...fence, next: page.next }, signal);
    }
    await control.send({ t: 'go' }, signal);
    this.startClock(this.remainingMs);
  }

  private startClock(remainingMs: number | null): void {
    this.limit?.[Symbol.dispose]();
    if (remainingMs === null) return;
    const over = (): void => this.kill('time_limit', 'The play’s own time limit has passed.');
    this.limit = after(remainingMs, over);
  }

  /** Everything the process wrote has been read. */
  private async lanesClosed(): Promise<void> {
    const limit = performance.now() + LANES_CLOSE_WITHIN_MS;
    while (this.open.size > 0) {
      const left = limit - performance.now();
      if (left <= 0 || !(await this.laneClosed.next(left))) return;
    }
  }
}
