/** A bus and a database of a test's own, span-ingest on them (in this process or as one of its own), and plays that speak. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bus, connectBus, ensureStream, publishJson, TELEMETRY_SETTINGS } from '@hero/bus';
import {
  type AnyEvent,
  type NumberedBatch,
  type PlayEvent,
  playEvents,
  playSpans,
  playSpansMethod,
  type Span,
  spansReached,
  TELEMETRY_OF_MANY,
  TELEMETRY_STREAM,
  telemetry,
} from '@hero/contracts';
import { bootService, type RunningService } from '@hero/service-kit';
import { type TestServer, testDatabase, testNats } from '@hero/testing';
import pg from 'pg';
import spanIngest from '../src/main.js';

const root = join(import.meta.dirname, '..', '..', '..');

export interface TestIngest extends AsyncDisposable {
  readonly nats: TestServer;
  readonly databaseUrl: string;
  readonly bus: Bus;
  readonly db: pg.Pool;
  readonly services: readonly RunningService[];
  start(): Promise<RunningService>;
  /** As a process of its own, from what is built, that is up; ends by itself at its failpoint. */
  process(failpoints?: string): Promise<{ ended: Promise<unknown>; logged(): string }>;
  /** Delivers at once what nobody acked, instead of after 30 s. */
  redeliver(): Promise<void>;
  play(sid: string): PlayEmitter;
  /** A batch of each play, in one message. */
  sayTogether(...said: [PlayEmitter, ...AnyEvent[]][]): Promise<void>;
}

/** Starts them; `database` where the test has one of its own. */
export async function testIngest(options: { instances?: number; databaseUrl?: string } = {}): Promise<TestIngest> {
  const ends: (() => unknown)[] = [];
  const use = <T extends AsyncDisposable>(resource: T): T => {
    ends.push(() => resource[Symbol.asyncDispose]());
    return resource;
  };
  const nats = use(await testNats());
  const databaseUrl = options.databaseUrl ?? use(await testDatabase()).url;
  const bus = use(await connectBus({ url: nats.url, name: 'test' }));
  const db = new pg.Pool({ connectionString: databaseUrl, options: '-c search_path=spans', max: 2 });
  db.on('error', () => undefined); // the test that ends the server knows
  db.on('connect', (client) => client.on('error', () => undefined));
  ends.push(() => db.end());
  await ensureStream(bus.jsm, TELEMETRY_SETTINGS.stream);
  const env = { NATS_URL: nats.url, DATABASE_URL: databaseUrl, HERO_LOG_LEVEL: process.env.HERO_TEST_LOG ?? 'silent' };
  const services: RunningService[] = [];
  const start = async (): Promise<RunningService> => {
    const service = await bootService(spanIngest, { env });
    services.push(service);
    ends.push(() => service.stop());
    return service;
  };
  for (let i = 0; i < (options.instances ?? 1); i++) await start();
  return {
    nats,
    databaseUrl,
    bus,
    db,
    services,
    start,
    process: async (failpoints = '') => {
      const main = join(import.meta.dirname, '..', 'dist', 'main.js');
      const child = spawn(process.execPath, [main], {
        env: {
          ...env,
          PATH: process.env.PATH,
          HERO_FAILPOINTS: failpoints,
          HERO_LIFELINE: 'stdin',
          HERO_LOG_LEVEL: 'info',
        },
        stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
      });
      const ended = once(child, 'exit');
      ends.push(async () => {
        child.kill('SIGKILL');
        await ended;
      });
      let logged = '';
      child.stdout?.on('data', (data: Buffer) => {
        logged += data.toString();
      });
      await Promise.race([once(child, 'message'), ended]);
      // One that does not die at its failpoint ends with another code, and the test says so.
      const limit = failpoints === '' ? undefined : setTimeout(() => child.kill('SIGTERM'), 15_000);
      child.once('exit', () => clearTimeout(limit));
      return { ended, logged: () => logged };
    },
    redeliver: async () => {
      const { durable_name } = TELEMETRY_SETTINGS.consumer;
      await bus.jsm.consumers.delete(TELEMETRY_STREAM, durable_name);
    },
    play: (sid) => new PlayEmitter(bus, sid),
    sayTogether: async (...said) => {
      const lines = said.map(([play, ...events]) => `${JSON.stringify(play.next(events))}\n`);
      await bus.js.publish(telemetry(TELEMETRY_OF_MANY), lines.join(''));
    },
    [Symbol.asyncDispose]: async () => {
      for (const end of ends.reverse()) await end();
    },
  };
}

/** Processes run what is built, so it is built here: a second with nothing to do. */
export const build = (): Promise<unknown> =>
  promisify(execFile)('node', ['node_modules/typescript/bin/tsc', '-b', 'apps/span-ingest'], { cwd: root });

interface Emitted {
  play_sid: string;
  attempt: number;
  source: string;
  batch: number;
  events: unknown[];
}

/** One play: what it emits, and what others see of it. */
export class PlayEmitter {
  attempt = 1;
  private readonly batches = new Map<string, number>();

  constructor(
    private readonly bus: Bus,
    readonly sid: string,
  ) {}

  /** Publishes one batch; resolves when the stream has it. */
  async say(...events: AnyEvent[]): Promise<{ source: string; batch: number }> {
    return this.sayAs(`x${this.attempt}`, ...events);
  }

  async sayAs(source: string, ...events: unknown[]): Promise<{ source: string; batch: number }> {
    const batch = this.next(events, source);
    await this.publish(batch);
    return { source, batch: batch.batch };
  }

  /** A batch with the next number. */
  next(events: unknown[], source = `x${this.attempt}`): Emitted {
    const batch = (this.batches.get(source) ?? 0) + 1;
    this.batches.set(source, batch);
    return { play_sid: this.sid, attempt: this.attempt, source, batch, events };
  }

  /** What is sent again is sent by this. */
  async publish(batch: { source: string; batch: number; events: unknown[]; attempt?: number }): Promise<void> {
    const body = { play_sid: this.sid, attempt: this.attempt, ...batch };
    for (let tries = 0; ; tries++) {
      try {
        await publishJson(this.bus.js, telemetry(this.sid), body, { timeout: 1_000 });
        return;
      } catch (error) {
        // As an executor does: what may not be stored is sent again, and is the same to the byte.
        if (tries === 50) throw error;
        await delay(100);
      }
    }
  }

  /** As it is, whatever it is. */
  async publishRaw(text: string): Promise<void> {
    await this.bus.js.publish(telemetry(this.sid), text);
  }

  /** Waits until all that was said is stored. */
  async stored(): Promise<void> {
    for (const [source, batch] of this.batches) {
      const asked = { play_sid: this.sid, mark: { source, batch }, within_ms: 5_000 };
      for (let tries = 0; !(await this.bus.ask(spansReached, asked)).reached; tries++) {
        if (tries === 4) throw new Error(`${this.sid} ${source}/${batch} was not stored`);
      }
    }
  }

  async spans(params: { after_seq?: number; limit?: number } = {}): Promise<Span[]> {
    await this.stored();
    return (await this.bus.ask(playSpansMethod, { play_sid: this.sid, ...params }, { timeoutMs: 20_000 })).spans;
  }

  /** The tree as lines, children indented. */
  async drawn(): Promise<string[]> {
    const depths = new Map<string, number>();
    return (await this.spans()).map((span) => {
      const depth = span.parent_id === null ? 0 : (depths.get(span.parent_id) ?? Number.NaN) + 1;
      depths.set(span.id, depth);
      return `${'  '.repeat(depth)}${span.name} ${span.status}@${span.attempt}`;
    });
  }

  async events(): Promise<PlayEvent[]> {
    await this.stored();
    const all: PlayEvent[] = [];
    for (let seq = 0; ; ) {
      const page = await this.bus.ask(playEvents, { play_sid: this.sid, after_seq: seq, limit: 10_000 });
      if (page.items.length === 0) return all;
      all.push(...page.items);
      seq = page.seq;
    }
  }

  /** Follows the live subject from now on. */
  async follow(onBatch: (batch: NumberedBatch) => void): Promise<void> {
    await this.bus.follow(playSpans(this.sid), (batch) => onBatch(batch as NumberedBatch));
  }
}

let clock = Date.parse('2026-11-21T09:00:00.000Z');
/** Each event a millisecond after the one before. */
export const at = (): string => new Date(clock++).toISOString();
export const id = (n: number): string => n.toString(16).padStart(16, '0');

export const started = (n: number, parent: number | null, name: string, tags = {}): AnyEvent => ({
  type: 'span_started',
  at: at(),
  span_id: id(n),
  parent_id: parent === null ? null : id(parent),
  name,
  kind: parent === null ? 'flow_root' : 'step',
  place: id(n).repeat(2),
  tags,
  source_file: 'flow.py',
  source_line: n,
});
type End = Partial<AnyEvent & { type: 'span_ended' }>;
export const ended = (n: number, status: End['status'] = 'success', more: End = {}): AnyEvent => ({
  type: 'span_ended',
  at: at(),
  span_id: id(n),
  status: status ?? 'success',
  duration_ms: status === 'replayed' ? null : 1,
  ...more,
});
export const log = (n: number | null, text: string): AnyEvent => ({
  type: 'log',
  at: at(),
  span_id: n === null ? null : id(n),
  text,
  stream: 'log',
});
export const attempt = (): AnyEvent => ({ type: 'attempt_started', at: at(), executor: 'e1', sandbox: {} });
export const status = (word: string): AnyEvent => ({ type: 'status', at: at(), status: word });
