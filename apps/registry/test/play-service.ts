/** The whole registry on a bus and a database of its own. The test itself acts as the executor: claim, commit, end. */
import { type Bus, connectBus } from '@hero/bus';
import {
  allChanges,
  executorLease,
  type GroupResult,
  type HeroError,
  type ParamsInput,
  type Play,
  type PlayStatus,
  playAsk,
  playClaim,
  playEnd,
  playExit,
  playMemory,
  playPause,
  playRelease,
  playStart,
  playStatus,
  type Question,
  type Result,
  type Run,
  type StepOutcome,
  stepCommit,
  WORK_SUBJECT,
  type WorkMessage,
  workflowCreate,
} from '@hero/contracts';
import { bootService, type RunningService } from '@hero/service-kit';
import { type TestServer, tempFolder, testDatabase, testNats } from '@hero/testing';
import pg from 'pg';
import registry from '../src/main.js';
import { Leases } from '../src/runs/leases.js';
import { ExecutorDoor, serve, source } from './workflow-service.js';

const SANDBOX = { level: 'off' as const, enforced: [], missing: [] };
export const EXITED = { kind: 'exited' as const, code: 75, signal: null };

/** A claim: the fence of all writes under it. */
export type Claim = Pick<Run, 'play_sid' | 'epoch'> & { owner: string };
export type Mine = Run & { owner: string };
type Group = Pick<GroupResult, 'result'> & { message?: string };
/** The parameters of a start besides the workflow. */
type Start = Partial<Omit<ParamsInput<typeof playStart>, 'workflow_sid' | 'workflow_name'>>;
type Changed = { play_sid: string; status: PlayStatus; deleted?: boolean };

export const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'it did not fail',
    (error: HeroError) => error.code,
  );

/** A step's outcome; a different place makes it a different step. */
export const step = (place: string, value: unknown = place, more: Partial<StepOutcome> = {}): StepOutcome => ({
  place,
  parent_place: '',
  step_key: `key of ${place}`,
  span_id: `span of ${place}`.slice(0, 16),
  name: place,
  role: 'call',
  kind: 'value',
  outcome: JSON.stringify(value),
  function_sha256: '',
  ...more,
});

/** A question; a different place makes it a different question. */
export const question = (name: string, more: Partial<Question> = {}): Question => ({
  kind: 'question',
  place: `place of ${name}`,
  parent_place: '',
  span_id: 'span',
  name,
  schema: null,
  ui: null,
  timeout_ms: null,
  default: null,
  role: 'pause',
  links: [],
  ...more,
});

export const fenceOf = ({ owner, play_sid, epoch }: Claim): Claim => ({ owner, play_sid, epoch });

export class PlayService implements AsyncDisposable {
  /** All announcements since the start, oldest first. */
  readonly changes: Changed[] = [];
  readonly wakeUps: WorkMessage[] = [];
  private readonly listeners = new Set<() => void>();

  private constructor(
    readonly nats: TestServer,
    readonly bus: Bus,
    readonly service: RunningService,
    /** Runs statements on a connection that is not the registry's. */
    readonly db: pg.Pool,
    readonly workflowSid: string,
    private readonly ends: (() => unknown)[],
  ) {}

  /** Opens it on a new database in the shared server, or on the given one. */
  static async start(databaseUrl?: string): Promise<PlayService> {
    const ends: (() => unknown)[] = [];
    const [nats, database] = await Promise.all([testNats(), databaseUrl ? { url: databaseUrl } : testDatabase()]);
    ends.push(() => nats[Symbol.asyncDispose]());
    if (Symbol.asyncDispose in database) ends.push(() => database[Symbol.asyncDispose]());
    const bus = await connectBus({ url: nats.url, name: 'test' });
    const door = await serve(bus, 'executor', ExecutorDoor);
    await using home = await tempFolder();
    const HERO_LOG_LEVEL = process.env.HERO_TEST_LOG ?? 'silent';
    const env = { NATS_URL: nats.url, DATABASE_URL: database.url, HERO_HOME: home.path, HERO_LOG_LEVEL };
    const service = await bootService(registry, { env });
    const db = new pg.Pool({ connectionString: database.url, options: '-c search_path=registry', max: 4 });
    // Tests that stop PostgreSQL break idle connections too.
    db.on('error', () => undefined);
    ends.push(
      () => bus.drain(),
      () => db.end(),
      () => service.stop(),
      () => door.close(),
    );
    const workflow = await bus.ask(workflowCreate, { name: 'flow', python_source: source() });
    const made = new PlayService(nats, bus, service, db, workflow.sid, ends);
    await bus.follow(allChanges('play'), (data) => made.heard(made.changes, data as Changed));
    await bus.follow(WORK_SUBJECT, (data) => made.heard(made.wakeUps, data as WorkMessage));
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.ends.reverse()) await end();
  }

  start(more: Start = {}): Promise<Play> {
    return this.bus.ask(playStart, { workflow_sid: this.workflowSid, ...more });
  }

  /** Claims a play by the given or its newest wake-up. */
  async claim(play_sid: string, owner = 'executor-a', run_seq?: number): Promise<Mine | null> {
    const seq = run_seq ?? (await this.row(play_sid)).run_seq;
    const { run } = await this.bus.ask(playClaim, { owner, play_sid, run_seq: seq, sandbox: SANDBOX });
    return run && { ...run, owner };
  }

  async claimed(play_sid: string, owner?: string): Promise<Mine> {
    const mine = await this.claim(play_sid, owner);
    if (!mine) throw new Error(`play ${play_sid} could not be claimed`);
    return mine;
  }

  /** Starts a play and claims it. */
  async running(owner?: string, more: Start = {}): Promise<Mine> {
    return this.claimed((await this.start(more)).sid, owner);
  }

  async commit(claim: Claim, group: number, steps: StepOutcome[], cost_usd = 0): Promise<Group> {
    const { owner, play_sid, epoch } = claim;
    const groups = [{ play_sid, epoch, group, cost_usd, steps }];
    const { results } = await this.bus.ask(stepCommit, { owner, groups });
    return results[0] as Group;
  }

  pause(
    claim: Claim,
    group: number,
    questions: Question[],
    more: Partial<ParamsInput<typeof playPause>> = {},
  ): Promise<Result<typeof playPause>> {
    return this.bus.ask(playPause, { ...fenceOf(claim), group, cost_usd: 0, questions, events: null, ...more });
  }

  ask(
    claim: Claim,
    group: number,
    questions: Question[],
    more: Partial<ParamsInput<typeof playAsk>> = {},
  ): Promise<Result<typeof playAsk>> {
    return this.bus.ask(playAsk, { ...fenceOf(claim), group, cost_usd: 0, questions, ...more });
  }

  end(claim: Claim, more: Partial<ParamsInput<typeof playEnd>> = {}): Promise<Group> {
    const ended = { status: 'success' as const, output: '1', error: null, cost_usd: 0, events: null };
    return this.bus.ask(playEnd, { ...fenceOf(claim), ...ended, ...more });
  }

  /** Reports the end of the process; by default as after a committed pause. */
  async exit(claim: Claim, cause: ParamsInput<typeof playExit>['cause'] = EXITED): Promise<PlayStatus | null> {
    return (await this.bus.ask(playExit, { ...fenceOf(claim), cause, events: null })).status;
  }

  async release(...claims: Claim[]): Promise<number> {
    const [first] = claims;
    const plays = claims.map(({ play_sid, epoch }) => ({ play_sid, epoch }));
    return (await this.bus.ask(playRelease, { owner: first?.owner ?? '', plays })).released;
  }

  lease(instance: string, ...claims: Claim[]): Promise<Result<typeof executorLease>> {
    const plays = claims.map(({ play_sid, epoch }) => ({ play_sid, epoch }));
    const executor = { instance, host: 'here', pid: 1, slots: 4, busy: plays.length, draining: false };
    return this.bus.ask(executorLease, { ...executor, plays });
  }

  play(play_sid: string): Promise<Play> {
    return this.bus.ask(playStatus, { play_sid, include: ['step_outputs'] });
  }

  /** The whole memory of a claim, in its order. */
  async placesOf({ memory, ...mine }: Mine): Promise<string[]> {
    const items = [...memory.items];
    for (let { next } = memory; next !== null; ) {
      const page: Result<typeof playMemory> = await this.bus.ask(playMemory, { ...fenceOf(mine), next });
      items.push(...page.items);
      next = page.next;
    }
    return items.map(([place]) => place);
  }

  async sql<R extends pg.QueryResultRow>(text: string, ...values: unknown[]): Promise<R[]> {
    return (await this.db.query<R>(text, values)).rows;
  }

  /** Columns of a play's row that no reply shows. */
  async row(play_sid: string): Promise<Row> {
    const [row] = await this.sql<Row>('SELECT * FROM plays WHERE sid = $1', play_sid);
    if (!row) throw new Error(`there is no play ${play_sid}`);
    return row;
  }

  /** Locks the play's row from another connection, until it is disposed of or released. */
  async hold(play_sid: string): Promise<AsyncDisposable & { client: pg.PoolClient }> {
    const client = await this.db.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM plays WHERE sid = $1 FOR NO KEY UPDATE', [play_sid]);
    return {
      client,
      async [Symbol.asyncDispose]() {
        await client.query('COMMIT');
        client.release();
      },
    };
  }

  /** Simulates that the database's clock was set forward by a minute: all stored times become older by that. */
  async setClockForward(): Promise<void> {
    await this.sql(`UPDATE executors SET renewed_at = renewed_at - interval '1 minute'`);
    await this.sql(`UPDATE plays SET claimed_at = claimed_at - interval '1 minute' WHERE status = 'running'`);
  }

  /** Lets the claim's owner die, and runs the takeover that the registry's timer would run. */
  async crash(claim: Claim): Promise<PlayStatus | undefined> {
    return (await this.service.app.get(Leases).takeOver(fenceOf(claim)))?.status;
  }

  /** Resolves when the play is announced in this status, at or after `since`, an earlier `changes.length`. */
  changed(play_sid: string, status: PlayStatus, since = 0): Promise<Changed> {
    return this.found(this.changes, since, (change) => change.play_sid === play_sid && change.status === status);
  }

  /** Resolves when this or any wake-up of the play is published, at or after `since`, an earlier `wakeUps.length`. */
  woken(play_sid: string, since = 0, run_seq?: number): Promise<WorkMessage> {
    const fits = (message: WorkMessage): boolean => run_seq === undefined || message.run_seq === run_seq;
    return this.found(this.wakeUps, since, (message) => message.play_sid === play_sid && fits(message));
  }

  private heard<T>(list: T[], item: T): void {
    list.push(item);
    for (const listener of Array.from(this.listeners)) listener();
  }

  private found<T>(list: readonly T[], since: number, fits: (item: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const item = list.slice(since).find(fits);
        if (item === undefined) return;
        this.listeners.delete(look);
        resolve(item);
      };
      this.listeners.add(look);
      look();
    });
  }
}

export interface Row extends pg.QueryResultRow {
  status: PlayStatus;
  run_seq: number;
  epoch: number;
  attempt: number;
  owner: string | null;
  group_no: number;
  suspended: boolean;
  wake: boolean;
  crashes: number;
  unstarted: number;
  ran_ms: number;
  total_cost_usd: number;
}
