import { EventEmitter } from 'node:events';
import { type Bus, BusServer, type CallContext, connectBus, Handle, silent } from '@hero/bus';
import {
  HeroError,
  hookCheck,
  hookResume,
  isFinal,
  type JsonObject,
  type Params,
  type Play,
  type PlayEvent,
  type PlayStatus,
  playEvents,
  playEventsMark,
  playList,
  playLogs,
  playResume,
  playRunAsync,
  playSpans,
  playSpansMethod,
  playStart,
  playStatus,
  playWait,
  rawJson,
  registryStatus,
  type Result,
  type Span,
  spanPage,
  spansReached,
  workflowCreate,
  workflowGet,
} from '@hero/contracts';
import { Controller, Inject, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const NO_END = { attempt: 1, final: null, final_at: null };
const NOW = '2026-11-21T09:30:00.000Z';

/** A scripted registry and span-ingest: real handlers on a real bus, with their state in this object. */
export class ScriptedServices extends EventEmitter {
  readonly plays = new Map<string, Play>();
  readonly events = new Map<string, PlayEvent[]>();
  readonly trees = new Map<string, Span[]>();
  /** The mark of each play in the registry; stored batches are counted below. */
  readonly marks = new Map<string, { source: string; batch: number }>();
  readonly asked: string[] = [];
  /** Texts of the inputs that plays were started with. */
  readonly inputs: string[] = [];
  /** Signed links by their tokens. */
  readonly links = new Map<string, { maxBytes: number; answer?: unknown }>();
  reached = true;
  /** What play_run_async triggers: a program outside uses it to cause events at the right moment. */
  onRun?: (word: string) => void;
  lost = false;

  play(sid: string, status: PlayStatus = 'running'): Play {
    const play: Play = {
      sid,
      name: 'welcome',
      workflow_sid: 'w1',
      workflow_name: 'welcome',
      version_sid: 'v1',
      version_number: 1,
      current_version_sid: null,
      status,
      input_data: {},
      output_data: null,
      error: null,
      pending_resumes: [],
      received_resumes: {},
      prefill_only: false,
      total_cost_usd: 0,
      attempt: 1,
      waits: [],
      forked_from: null,
      diverged: null,
      parent_play_sid: null,
      parent_span_id: null,
      sandbox: null,
      created_at: NOW,
      started_at: NOW,
      completed_at: null,
      duration_ms: null,
    };
    this.plays.set(sid, play);
    return play;
  }

  setStatus(sid: string, status: PlayStatus): void {
    const play = this.plays.get(sid);
    if (play) this.plays.set(sid, { ...play, status });
    this.emit('status');
  }

  /** Stores events and announces them, as span-ingest does; with `lost` it does not announce them. */
  append(bus: Bus, sid: string, bodies: readonly object[], { lost = this.lost } = {}): PlayEvent[] {
    const stored = this.events.get(sid) ?? [];
    const fresh = bodies.map(
      (body, index) => ({ play_sid: sid, seq: stored.length + index + 1, attempt: 1, at: NOW, ...body }) as PlayEvent,
    );
    this.events.set(sid, [...stored, ...fresh]);
    if (!lost) bus.announce(playSpans(sid), { play_sid: sid, events: fresh });
    return fresh;
  }

  logs(count: number, text = 'line'): object[] {
    return Array.from({ length: count }, () => ({ type: 'log', span_id: null, text, stream: 'log' }));
  }

  /** Stores as many spans, each with so many bytes of tags. */
  grow(sid: string, count: number, bytes: number): void {
    const spans = Array.from(
      { length: count },
      (_, n): Span => ({
        id: String(n + 1).padStart(16, '0'),
        parent_id: null,
        play_sid: sid,
        name: `span ${n + 1}`,
        kind: 'step',
        status: 'success',
        attempt: 1,
        first_seq: n + 1,
        started_in: 1,
        ended_in: 1,
        closed: false,
        started_at: NOW,
        ended_at: NOW,
        duration_ms: 0,
        tags: { text: 'x'.repeat(bytes) },
        logs: [],
        error: null,
        source_file: null,
        source_line: null,
        cost_usd: 0,
        usage: null,
      }),
    );
    this.trees.set(sid, spans);
    this.events.set(sid, []);
  }

  known(sid: string): Play {
    const play = this.plays.get(sid);
    if (play) return play;
    throw new HeroError('NOT_FOUND', `There is no play ${sid}; list them with play_list.`);
  }
}

@Controller()
class Registry {
  constructor(@Inject(ScriptedServices) private readonly services: ScriptedServices) {}

  @Handle(playStatus)
  status({ play_sid }: Params<typeof playStatus>): Result<typeof playStatus> {
    this.services.asked.push('play_status');
    return this.services.known(play_sid);
  }

  @Handle(playEventsMark)
  mark({ play_sid }: Params<typeof playEventsMark>): Result<typeof playEventsMark> {
    this.services.asked.push('play_events_mark');
    this.services.known(play_sid);
    return { mark: this.services.marks.get(play_sid) ?? null };
  }

  @Handle(playWait)
  async wait(params: Params<typeof playWait>, { closing }: CallContext): Promise<Result<typeof playWait>> {
    const limit = AbortSignal.any([closing, AbortSignal.timeout(params.timeout_ms)]);
    while (!limit.aborted && !isFinal(this.services.known(params.play_sid).status)) {
      await new Promise<void>((resolve) => {
        this.services.once('status', resolve);
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return this.services.known(params.play_sid);
  }

  @Handle(playStart)
  start({ input_data, workflow_name }: Params<typeof playStart>): Result<typeof playStart> {
    this.services.inputs.push(input_data.text);
    if (workflow_name === 'broken') throw new Error('password=hunter2 at /srv/registry.ts:1');
    return {
      ...this.services.play(`p${this.services.plays.size + 1}`, 'pending'),
      input_data: rawJson(input_data.text) as JsonObject,
    };
  }

  @Handle(playRunAsync)
  run({ workflow_name = '' }: Params<typeof playRunAsync>): Result<typeof playRunAsync> {
    this.services.onRun?.(workflow_name);
    return 'started';
  }

  @Handle(playResume)
  resume({ name }: Params<typeof playResume>): Result<typeof playResume> {
    if (name !== 'again') return { ok: true, resumed_at: NOW, kept: true };
    throw new HeroError('ALREADY_RESUMED', 'The question was answered before.', { details: { resumed_at: NOW } });
  }

  @Handle(hookCheck)
  hookCheck({ token }: Params<typeof hookCheck>): Result<typeof hookCheck> {
    this.services.asked.push('hook_check');
    const link = this.services.links.get(token);
    if (!link) throw new HeroError('NOT_FOUND', 'Invalid or expired link.');
    if (link.answer !== undefined) throw new HeroError('ALREADY_RESUMED', 'The question was answered before.');
    return { max_bytes: link.maxBytes };
  }

  @Handle(hookResume)
  hookResume({ token, payload }: Params<typeof hookResume>): Result<typeof hookResume> {
    this.services.asked.push('hook_resume');
    const link = this.services.links.get(token);
    if (payload.text === '"unfit"') throw new HeroError('INVALID_PARAMS', 'The answer does not fit the question.');
    if (link) link.answer = payload.parse();
    return { ok: true, resumed_at: NOW, kept: false };
  }

  @Handle(playList)
  list({ limit }: Params<typeof playList>): Result<typeof playList> {
    return { items: [...this.services.plays.values()].slice(0, limit), next_cursor: null };
  }

  @Handle(workflowGet)
  workflow(): Result<typeof workflowGet> {
    throw new HeroError('NOT_FOUND', 'There is no such workflow.');
  }

  @Handle(workflowCreate)
  create({ name, python_source }: Params<typeof workflowCreate>): Result<typeof workflowCreate> {
    return {
      sid: 'w1',
      name,
      description: `${python_source.length} characters`,
      tags: [],
      inputs: [],
      outputs: [],
      current_version_sid: 'v1',
      current_version_number: 1,
      created_at: NOW,
      updated_at: NOW,
    };
  }

  @Handle(registryStatus)
  registryStatus(): Result<typeof registryStatus> {
    return { postgres_version: '15.9', queue: { pending: 1, running: 2, awaiting_resume: 3 } };
  }
}

@Controller()
class SpanIngest {
  constructor(@Inject(ScriptedServices) private readonly services: ScriptedServices) {}

  @Handle(playSpansMethod)
  spans({ play_sid }: Params<typeof playSpansMethod>): Result<typeof playSpansMethod> {
    this.services.asked.push('play_spans');
    return { spans: [], seq: this.stored(play_sid).length, state: NO_END };
  }

  @Handle(spanPage)
  page({ play_sid, after, limit, max_bytes }: Params<typeof spanPage>): Result<typeof spanPage> {
    this.services.asked.push('span_page');
    const left = (this.services.trees.get(play_sid) ?? []).filter(({ first_seq }) => first_seq > after.first_seq);
    let bytes = 0;
    const fitting = left.slice(0, limit).findIndex((span) => (bytes += JSON.stringify(span).length) > max_bytes);
    const spans = left.slice(0, Math.max(1, fitting < 0 ? limit : fitting));
    const last = spans.length < left.length ? spans.at(-1) : undefined;
    const next = last ? { seq: last.first_seq, first_seq: last.first_seq } : null;
    return { spans, next, seq: this.stored(play_sid).length, state: NO_END };
  }

  @Handle(playEvents)
  events({ play_sid, after_seq, limit }: Params<typeof playEvents>): Result<typeof playEvents> {
    this.services.asked.push('play_events');
    const items = this.stored(play_sid).slice(after_seq, after_seq + limit);
    return { items, seq: items.at(-1)?.seq ?? after_seq };
  }

  @Handle(playLogs)
  logs(): Result<typeof playLogs> {
    return { logs: [{ at: NOW, text: 'hello', span_id: null, stream: 'log' }] };
  }

  @Handle(spansReached)
  reached(): Result<typeof spansReached> {
    this.services.asked.push('spans_reached');
    return { reached: this.services.reached };
  }

  private stored(sid: string): PlayEvent[] {
    const stored = this.services.events.get(sid);
    if (stored) return stored;
    throw new HeroError('NOT_FOUND', 'No event of this play is stored.');
  }
}

export interface Opened extends AsyncDisposable {
  bus: Bus;
}

async function open(
  url: string,
  service: 'registry' | 'span-ingest',
  door: Type,
  services: ScriptedServices,
): Promise<Opened> {
  const bus = await connectBus({ url, name: service, log: silent });
  @Module({ controllers: [door], providers: [{ provide: ScriptedServices, useValue: services }] })
  class Doors {}
  const strategy = new BusServer(bus, { service, log: silent, drainMs: 200 });
  const app = await NestFactory.createMicroservice(Doors, { strategy, logger: false });
  await app.listen();
  return {
    bus,
    async [Symbol.asyncDispose]() {
      await app.close();
      await bus.drain();
    },
  };
}

export const openRegistry = (url: string, services: ScriptedServices): Promise<Opened> =>
  open(url, 'registry', Registry, services);
export const openSpanIngest = (url: string, services: ScriptedServices): Promise<Opened> =>
  open(url, 'span-ingest', SpanIngest, services);
