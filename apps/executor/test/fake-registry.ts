/**
 * A registry without a database: answers the contracts of an executor over the real bus, and keeps what it was told.
 */
import {
  Bus,
  BusServer,
  connectBus,
  consumePull,
  ensureStream,
  Handle,
  type Pull,
  publishJson,
  TELEMETRY_SETTINGS,
  WORK_SETTINGS,
} from '@hero/bus';
import {
  type EventBatch,
  type ExitCause,
  executorLease,
  executorNotice,
  HeroError,
  inspectSource,
  type Inspection,
  type JsonObject,
  type MemoryItem,
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
  type Question,
  type Result,
  stepCommit,
  type StepOutcome,
  type WaitAnswer,
  WORK_SUBJECT,
} from '@hero/contracts';
import { Controller, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { uuidv7 } from '@hero/service-kit';
import { until } from '@hero/testing';
import { FakeLocks, lockHandlers } from './fake-locks.js';

export interface FakePlay {
  sid: string;
  source: string;
  entry: string;
  input: unknown;
  remainingMs: number | null;
  status: 'pending' | 'running' | 'awaiting_resume' | 'success' | 'failed' | 'timed_out' | 'cancelled';
  suspended: boolean;
  epoch: number;
  groupNo: number;
  claims: number;
  memory: MemoryItem[];
  grants: string[];
  options: JsonObject;
  version: string;
  requirements: string[];
  pauses: ('linger' | 'park' | 'plain')[];
  children: { place: string; sid: string; input: unknown }[];
  steps: StepOutcome[];
  groups: number[];
  questions: { place: string; name: string }[];
  /** By `ask`, and not yet answered. */
  asked: Question[];
  withdrawn: string[];
  /** By the newest `ask`. */
  handedOver: WaitAnswer[];
  output?: unknown;
  error?: { type: string; message: string } | null;
  exits: ExitCause[];
  released: number;
  events: EventBatch['events'];
  batches: string[];
}

export class FakeRegistry {
  readonly plays = new Map<string, FakePlay>();
  /** Answers by name of the question, given at once when it is asked. */
  readonly answers = new Map<string, unknown>();
  /** Sources by workflow name, for `resolve`. */
  readonly library = new Map<string, string>();
  readonly locks = new FakeLocks();
  leases = 0;
  lastLease?: Params<typeof executorLease>;
  gone: { play_sid: string; epoch: number }[] = [];
  /** While set, nothing is answered. */
  down = false;
  /** The next so many commits are done, and their replies lost. */
  loseCommitReplies = 0;
  /** The same for asks. */
  loseAskReplies = 0;
  commitRequests = 0;
  pageItems = 100_000;
  private events?: Pull;

  private constructor(
    readonly bus: Bus,
    private readonly app: INestMicroservice,
  ) {}

  static async start(url: string): Promise<FakeRegistry> {
    const bus = await connectBus({ url, name: 'registry' });
    await ensureStream(bus.jsm, WORK_SETTINGS.stream);
    const holder: { registry?: FakeRegistry } = {};
    const of = (): FakeRegistry => {
      if (!holder.registry) throw new Error('not yet');
      return holder.registry;
    };
    const app = await NestFactory.createMicroservice(moduleFor(of), {
      logger: false,
      strategy: new BusServer(bus, { service: 'registry', drainMs: 100 }),
    });
    const registry = new FakeRegistry(bus, app);
    holder.registry = registry;
    registry.events = consumePull(bus, {
      ...TELEMETRY_SETTINGS,
      max: () => 500,
      onMessages: (messages) => {
        for (const message of messages) {
          // One batch, or several, one a line.
          const lines = Buffer.from(message.data).toString().split('\n').filter(Boolean);
          for (const line of lines) registry.hear(JSON.parse(line) as EventBatch);
          message.ack();
        }
      },
    });
    await app.listen();
    await bus.flush();
    return registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.events?.stop();
    await this.app.close();
    await this.bus.drain();
  }

  async start(source: string, given: Partial<FakePlay> = {}): Promise<FakePlay> {
    const play: FakePlay = {
      sid: uuidv7(),
      source: `from hero_tracing import flow, ask_user\nimport os, sys, time, socket\n${source}`,
      entry: 'main',
      input: {},
      remainingMs: null,
      status: 'pending',
      suspended: false,
      epoch: 0,
      groupNo: 0,
      claims: 0,
      memory: [],
      grants: [],
      options: {},
      version: 'v1',
      requirements: [],
      pauses: [],
      children: [],
      steps: [],
      groups: [],
      questions: [],
      asked: [],
      withdrawn: [],
      handedOver: [],
      exits: [],
      released: 0,
      events: [],
      batches: [],
      ...given,
    };
    this.plays.set(play.sid, play);
    await this.wake(play);
    return play;
  }

  async wake(play: FakePlay): Promise<void> {
    play.status = 'pending';
    await publishJson(this.bus.js, WORK_SUBJECT, { play_sid: play.sid, run_seq: play.claims + 1 });
  }

  /** Something that the play asked for is answered: its executor is notified. */
  answer(play: FakePlay, name: string, value: unknown): void {
    this.answers.set(name, value);
    const answered = [{ play_sid: play.sid, epoch: play.epoch }];
    this.bus.announce(executorNotice(this.lastLease?.instance ?? ''), { answered });
  }

  /** Tells the executor that it no longer owns the play. */
  takeAway(play: FakePlay): void {
    const gone = [{ play_sid: play.sid, epoch: play.epoch }];
    this.bus.announce(executorNotice(this.lastLease?.instance ?? ''), { gone });
  }

  async is(play: FakePlay, status: FakePlay['status'], within = 10_000): Promise<void> {
    const what = () => `play ${status}; it is ${play.status}, ${JSON.stringify([play.error, play.exits])}`;
    try {
      await until(async () => play.status === status, { within });
    } catch {
      throw new Error(what());
    }
  }

  inspect(python_source: string): Promise<Inspection> {
    return this.bus.ask(inspectSource, { python_source }, { timeoutMs: 20_000 });
  }

  texts(play: FakePlay): string[] {
    return play.events.flatMap((event) => (event.type === 'log' ? [String(event.text)] : []));
  }

  private hear(batch: EventBatch): void {
    const play = this.plays.get(batch.play_sid);
    const id = `${batch.source}:${batch.batch}`;
    if (!play || play.batches.includes(id)) return;
    play.batches.push(id);
    play.events.push(...batch.events);
  }

  held(fence: { play_sid: string; epoch: number }): FakePlay | undefined {
    if (this.down) throw new HeroError('UNAVAILABLE', 'The fake registry is down.');
    const play = this.plays.get(fence.play_sid);
    return play?.status === 'running' && play.epoch === fence.epoch ? play : undefined;
  }
}

function moduleFor(of: () => FakeRegistry): new () => object {
  @Controller()
  class Door {
    @Handle(playClaim)
    claim({ play_sid, run_seq }: Params<typeof playClaim>): Result<typeof playClaim> {
      const registry = of();
      if (registry.down) throw new HeroError('UNAVAILABLE', 'The fake registry is down.');
      const play = registry.plays.get(play_sid);
      if (play?.status !== 'pending' || run_seq !== play.claims + 1) return { run: null };
      play.status = 'running';
      play.suspended = false;
      play.claims++;
      play.epoch++;
      play.groupNo = 0;
      return {
        run: {
          play_sid,
          epoch: play.epoch,
          attempt: play.claims,
          version_sid: play.version,
          workflow_name: 'test',
          source: play.source,
          entry: play.entry,
          options: play.options,
          requirements: play.requirements,
          input: JSON.stringify(play.input),
          remaining_ms: play.remainingMs,
          parent_span_id: null,
          grants: play.grants,
          memory: page(registry, play, 0),
        },
      };
    }

    @Handle(playMemory)
    memory(p: Params<typeof playMemory>): Result<typeof playMemory> {
      const play = of().held(p);
      if (!play) throw new HeroError('INVALID_STATE', 'Not yours.');
      return page(of(), play, Number(p.next));
    }

    @Handle(stepCommit)
    commit({ groups }: Params<typeof stepCommit>): Result<typeof stepCommit> {
      const registry = of();
      registry.commitRequests++;
      if (groups.some(({ steps }) => steps.some(({ outcome }) => outcome.includes('break the registry')))) {
        throw new HeroError('INTERNAL', 'Something went wrong in the fake registry.');
      }
      const results = groups.map((group) => {
        const play = registry.held(group);
        if (!play || play.suspended) return { result: 'fenced' as const };
        if (group.steps.some(({ outcome }) => outcome.includes('refuse me'))) {
          return { result: 'refused' as const, message: 'The outcome cannot be stored: it says so.' };
        }
        if (group.group === play.groupNo) return { result: 'done' as const };
        if (group.group !== play.groupNo + 1) return { result: 'fenced' as const };
        play.groupNo++;
        play.groups.push(group.steps.length);
        play.steps.push(...group.steps);
        for (const step of group.steps)
          play.memory.push([step.place, step.kind, step.outcome, step.parent_place, step.name, step.role]);
        return { result: 'done' as const };
      });
      if (registry.loseCommitReplies > 0) {
        registry.loseCommitReplies--;
        throw new HeroError('TIMEOUT', 'The reply was lost.');
      }
      return { results };
    }

    @Handle(playAsk)
    ask(p: Params<typeof playAsk>): Result<typeof playAsk> {
      const registry = of();
      const play = registry.held(p);
      if (!play || play.suspended) return { result: 'fenced', answers: [], more: false, resume_ids: [] };
      const again = p.group === play.groupNo;
      play.groupNo = p.group;
      if (!again)
        play.asked.push(...p.questions.filter(({ place }) => !play.asked.some((known) => known.place === place)));
      play.withdrawn.push(...p.withdrawn);
      const answers = again ? play.handedOver : answersOf(registry, play);
      play.handedOver = answers;
      if (registry.loseAskReplies > 0) {
        registry.loseAskReplies--;
        throw new HeroError('TIMEOUT', 'The reply was lost.');
      }
      return { result: 'answered', answers, more: false, resume_ids: p.questions.map(({ place }) => place) };
    }

    @Handle(playPause)
    pause(p: Params<typeof playPause>): Result<typeof playPause> {
      const registry = of();
      const play = registry.held(p);
      if (!play) return { result: 'fenced', answers: [], more: false, resume_ids: [] };
      const linger = p.linger && !p.replay && play.asked.concat(p.questions).some(mayEndSoon);
      play.pauses.push(linger ? 'linger' : p.park ? 'park' : 'plain');
      play.questions.push(...p.questions);
      const answers = p.questions
        .filter(({ name }) => registry.answers.has(name))
        .map(({ place, name }) => ({
          place,
          kind: 'answer' as const,
          payload: JSON.stringify(registry.answers.get(name)),
        }));
      for (const { place, payload } of answers) play.memory.push([place, 'answer', payload, '', '', 'pause']);
      if (answers.length > 0) {
        play.groupNo = p.group;
        return { result: 'answered', answers, more: false, resume_ids: [], remaining_ms: play.remainingMs };
      }
      if (linger) {
        play.groupNo = p.group;
        return { result: 'waiting', answers: [], more: false, resume_ids: [] };
      }
      play.suspended = true;
      return { result: 'suspended', answers: [], more: false, resume_ids: p.questions.map(({ place }) => place) };
    }

    @Handle(playSpawn)
    spawn(p: Params<typeof playSpawn>): Result<typeof playSpawn> {
      const play = of().held(p);
      if (!play) return { result: 'fenced', child_play_sid: null };
      if (p.workflow_name === 'nobody') {
        return { result: 'refused', child_play_sid: null, code: 'NOT_FOUND', message: 'There is no workflow nobody.' };
      }
      const known = play.children.find(({ place }) => place === p.place);
      const child = known ?? { place: p.place, sid: `child-${play.children.length + 1}`, input: JSON.parse(p.input) };
      if (!known) play.children.push(child);
      return { result: 'spawned', child_play_sid: child.sid };
    }

    @Handle(playResolve)
    resolve({ workflow_name }: Params<typeof playResolve>): Result<typeof playResolve> {
      const source = of().library.get(workflow_name);
      if (source === undefined) throw new HeroError('NOT_FOUND', `There is no workflow ${workflow_name}.`);
      return { workflow_name, workflow_sid: 'w', version_sid: 'v', version_number: 1, source, entry: 'main' };
    }

    @Handle(playEnd)
    end(p: Params<typeof playEnd>): Result<typeof playEnd> {
      const play = of().held(p);
      if (!play) return { result: 'fenced' };
      play.output = p.output === null ? null : JSON.parse(p.output);
      play.error = p.error;
      play.status = p.status;
      return { result: 'done' };
    }

    @Handle(playExit)
    exit(p: Params<typeof playExit>): Result<typeof playExit> {
      const play = of().held(p);
      if (!play) return { status: null };
      play.exits.push(p.cause);
      if (play.suspended) play.status = 'awaiting_resume';
      else play.status = p.cause.kind === 'time_limit' ? 'timed_out' : 'failed';
      return { status: play.status };
    }

    @Handle(playRelease)
    release({ plays }: Params<typeof playRelease>): Result<typeof playRelease> {
      let released = 0;
      for (const fence of plays) {
        const play = of().held(fence);
        if (!play) continue;
        play.released++;
        play.status = 'pending';
        released++;
      }
      return { released };
    }

    @Handle(executorLease)
    lease(p: Params<typeof executorLease>): Result<typeof executorLease> {
      const registry = of();
      if (registry.down) throw new HeroError('UNAVAILABLE', 'The fake registry is down.');
      registry.leases++;
      registry.lastLease = p;
      return { lease_ms: 5_000, gone: registry.gone };
    }
  }

  @Module({ controllers: [Door, lockHandlers(() => of().locks)] })
  class FakeRegistryModule {}
  return FakeRegistryModule;
}

function page(registry: FakeRegistry, play: FakePlay, from: number): { items: MemoryItem[]; next: string | null } {
  const end = from + registry.pageItems;
  return { items: play.memory.slice(from, end), next: end < play.memory.length ? String(end) : null };
}

/** A child, or a timer that is nearly over. */
const mayEndSoon = ({ kind, timeout_ms }: Question): boolean =>
  kind === 'child' || (kind === 'timer' && (timeout_ms ?? Number.POSITIVE_INFINITY) <= 2_000);

function answersOf(registry: FakeRegistry, play: FakePlay): WaitAnswer[] {
  const answered = play.asked.filter(({ name }) => registry.answers.has(name));
  play.asked = play.asked.filter((question) => !answered.includes(question));
  const answers = answered.map(({ place, name }): WaitAnswer => {
    return { place, kind: 'answer', payload: JSON.stringify(registry.answers.get(name)) };
  });
  for (const { place, payload } of answers) play.memory.push([place, 'answer', payload, '', '', 'pause']);
  return answers;
}
