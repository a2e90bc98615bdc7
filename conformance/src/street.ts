import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  connected,
  type TempFolder,
  type TestServer,
  tempFolder,
  testDatabase,
  testNats,
  testPostgres,
} from '@hero/testing';
import type pg from 'pg';

const ROOT = resolve(import.meta.dirname, '../..');
const SERVICES = ['registry', 'span-ingest', 'library-search', 'admin-gateway'] as const;
/** As `up` starts them (decision 19). */
const NODE_ARGS = ['--heap-growing-percent=100'];
export type StreetService = (typeof SERVICES)[number];

export interface StreetOptions {
  executors?: number;
  slots?: number;
  env?: Record<string, string>;
  /** Folder of the built services; default: this checkout. */
  root?: string;
  /** Options for node, e.g. --cpu-prof. */
  nodeArgs?: readonly string[];
  /** Whether to use a separate PostgreSQL cluster (fsync on) that the test may kill, instead of a database in the shared one. */
  ownPostgres?: boolean;
}

/**
 * The whole street for one test: real PostgreSQL, real nats-server, and a process for every service and executor.
 * Nothing is restarted automatically: the test decides what is restarted, and when.
 */
export class Street implements AsyncDisposable {
  readonly processes = new Map<string, StreetProcess>();
  private executors = 0;

  private constructor(
    readonly folder: TempFolder,
    readonly nats: TestServer,
    readonly postgres: TestServer | undefined,
    readonly databaseUrl: string,
    private readonly env: Record<string, string>,
    private readonly nodeArgs: readonly string[],
    private readonly root: string,
  ) {}

  static async start(options: StreetOptions = {}): Promise<Street> {
    const [folder, nats] = await Promise.all([tempFolder(), testNats()]);
    const postgres = options.ownPostgres ? await testPostgres({ durable: true }) : undefined;
    const databaseUrl = postgres?.url ?? (await testDatabase()).url;
    const street = new Street(
      folder,
      nats,
      postgres,
      databaseUrl,
      {
        HERO_EMBEDDINGS: 'off',
        ...(options.slots && { HERO_SLOTS: String(options.slots) }),
        ...options.env,
      },
      options.nodeArgs ?? [],
      options.root ?? ROOT,
    );
    await Promise.all([
      ...SERVICES.map((name) => street.startService(name)),
      ...Array.from({ length: options.executors ?? 1 }, () => street.startExecutor()),
    ]);
    return street;
  }

  get home(): string {
    return this.folder.path;
  }
  get rpcSocket(): string {
    return join(this.home, 'var', 'sockets', 'hero_logic', 'rpc.sock');
  }

  /** The unix socket on which the gateway serves HTTP. */
  get adminSocket(): string {
    return join(this.home, 'var', 'sockets', 'hero_logic', 'admin.sock');
  }

  startService(name: StreetService): Promise<StreetProcess> {
    return this.launch(name, name, { DATABASE_URL: this.databaseUrl, HERO_HTTP_PORT: '0' });
  }

  /** Starts an executor with a new name. */
  startExecutor(env: Record<string, string> = {}): Promise<StreetProcess> {
    this.executors += 1;
    return this.launch(`executor-${this.executors}`, 'executor', {
      HERO_INSTANCE: `executor-${this.executors}`,
      ...env,
    });
  }

  /** Queries the database directly. */
  async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    await using held = await connected(this.databaseUrl);
    return (await held.db.query<T>(text, values)).rows;
  }

  liveExecutors(): StreetProcess[] {
    return [...this.processes.values()].filter((p) => p.name.startsWith('executor-') && p.alive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.processes.values()].map((p) => p.end()));
    await Promise.all([this.nats[Symbol.asyncDispose](), this.postgres?.[Symbol.asyncDispose]()]);
    await this.folder[Symbol.asyncDispose]();
  }

  private async launch(name: string, app: string, env: Record<string, string>): Promise<StreetProcess> {
    const process = new StreetProcess(
      name,
      [...NODE_ARGS, ...this.nodeArgs, join(this.root, 'apps', app, 'dist', 'main.js')],
      join(this.home, 'log'),
      {
        HERO_HOME: this.home,
        NATS_URL: this.nats.url,
        ...this.env,
        ...env,
      },
    );
    this.processes.set(name, process);
    await process.ready;
    return process;
  }
}

/** One service or executor, which is ended by its process id. */
export class StreetProcess {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly logFile: string;

  constructor(
    readonly name: string,
    args: readonly string[],
    logs: string,
    env: Record<string, string>,
  ) {
    mkdirSync(logs, { recursive: true });
    this.logFile = join(logs, `${name}.log`);
    const log = openSync(this.logFile, 'a');
    const { NODE_OPTIONS: _, ...inherited } = process.env;
    this.child = spawn(process.execPath, [...args], {
      stdio: ['pipe', log, log, 'ipc'],
      env: { ...inherited, NODE_ENV: 'production', ...env, HERO_LIFELINE: 'stdin' },
    });
    closeSync(log);
    this.ready = new Promise((done, failed) => {
      this.child.on('message', (message) => {
        if (typeof message === 'object' && message !== null && 'ready' in message) done();
      });
      this.child.once('exit', (code, signal) =>
        failed(new Error(`${name} ended (${signal ?? code}) before it was ready:\n${this.log()}`)),
      );
    });
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  log(lines = 30): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  signal(signal: NodeJS.Signals): void {
    if (this.alive) this.child.kill(signal);
  }

  /** Kills it with SIGKILL and returns when it has ended. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.gone();
  }

  async end(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const late = setTimeout(() => this.signal('SIGKILL'), 10_000);
    await this.gone();
    clearTimeout(late);
  }

  private async gone(): Promise<void> {
    if (this.alive) await once(this.child, 'exit');
  }
}
