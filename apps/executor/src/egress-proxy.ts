/**
 * The process through which plays reach the network (`hero_tracing/_egress/`): beside the executor, so that no byte of a play's
 * traffic passes through the event loop that commits steps.
 *
 * 1. The proxy knows a connection by the child (its token) whose listener it came from; which play that child is, it learns here.
 * 2. When it dies, it is started again. `onDied` must end the plays: their listeners are lost. They are given back uncounted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { backoff, type Log } from '@hero/bus';
import type { Egress } from './egress.js';
import { LineSplitter } from './line-splitter.js';
import type { Python } from './python.js';

export interface ProxySettings {
  /** Unix socket on which the inits of slots hand over their listeners. */
  socket: string;
  public: boolean;
  entries: readonly string[];
}

type Message =
  | { t: 'ready'; missing: string[] }
  | { t: 'failed'; message: string }
  | { t: 'refused'; child: string; text: string };

const READY_WITHIN_MS = 30_000;
const MESSAGE_LIMIT = 1024 * 1024;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;

export class EgressProxy {
  private readonly tellers = new Map<string, (text: string) => void>();
  private channel?: Duplex;
  private process?: ChildProcess;
  private closed = false;
  private up: Promise<void> = Promise.resolve();
  private deaths = 0;
  onDied: () => void = () => undefined;

  private constructor(
    private readonly python: Python,
    readonly settings: ProxySettings,
    private readonly log: Log,
  ) {}

  static async open(
    python: Python,
    socket: string,
    egress: Extract<Egress, { mode: 'proxy' }>,
    log: Log,
  ): Promise<EgressProxy> {
    const proxy = new EgressProxy(python, { socket, public: egress.public, entries: egress.entries }, log);
    await proxy.start();
    return proxy;
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** What connected to one of another generation has lost it. */
  get generation(): number {
    return this.deaths;
  }

  /** Resolves when slots can connect. */
  ready(): Promise<void> {
    return this.up;
  }

  /** From now on the child with this token is a play: it may reach what HERO_EGRESS allows and `narrowed` (null: all of it) does. */
  bind(token: string, narrowed: readonly string[] | null, onRefused: (text: string) => void): Disposable {
    this.tellers.set(token, onRefused);
    this.say({ t: 'play', child: token, egress: narrowed });
    return {
      [Symbol.dispose]: () => {
        if (this.tellers.delete(token)) this.say({ t: 'over', child: token });
      },
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    const { process } = this;
    this.channel?.destroy();
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => process.once('exit', () => resolve()));
    const late = setTimeout(() => process.kill('SIGKILL'), 2_000);
    await ended;
    clearTimeout(late);
  }

  private async start(): Promise<void> {
    await rm(this.settings.socket, { force: true });
    const child = spawn(this.python.executable, ['-I', '-B', '-X', 'utf8', '-c', program(this.python.sdk)], {
      env: {},
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const channel = child.stdio[3] as Duplex;
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        const text = chunk.toString().slice(0, 4000);
        said.push(text);
        if (said.length > 10) said.shift();
        this.log.warn({ pid: child.pid, text }, 'egress proxy');
      });
    }
    channel.on('error', () => undefined);
    const gone = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    this.process = child;
    this.channel = channel;
    this.say({ t: 'settings', ...this.settings });
    try {
      await this.firstMessage(channel, gone, said);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    void gone.then(() => this.died(child));
  }

  private firstMessage(channel: Duplex, gone: Promise<void>, said: string[]): Promise<void> {
    const splitter = new LineSplitter(MESSAGE_LIMIT);
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`the egress proxy is not ready after ${READY_WITHIN_MS} ms`)),
        READY_WITHIN_MS,
      );
      channel.on('data', (chunk: Buffer) => {
        for (const line of splitter.push(chunk)) {
          const message = JSON.parse(line.toString()) as Message;
          if (message.t === 'refused') this.tellers.get(message.child)?.(message.text);
          else {
            clearTimeout(late);
            if (message.t === 'ready') resolve();
            else reject(new Error(`the egress proxy cannot start: ${message.message}`));
          }
        }
      });
      void gone.then(() => {
        clearTimeout(late);
        reject(new Error(`the egress proxy ended before it was ready: ${said.join('').trim().slice(-2000)}`));
      });
    });
  }

  /** Rule 2. */
  private died(child: ChildProcess): void {
    if (this.closed || this.process !== child) return;
    this.log.error({ pid: child.pid }, 'the egress proxy died; plays are handed back, and another one is started');
    this.tellers.clear();
    this.deaths++;
    this.up = this.succeed();
    this.onDied();
  }

  private async succeed(): Promise<void> {
    const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    while (!this.closed) {
      try {
        return await this.start();
      } catch (err) {
        this.log.error({ err, wait_ms: retry.nextMs }, 'no egress proxy could be started; trying again');
        await retry.wait();
      }
    }
  }

  private say(message: object): void {
    if (this.channel && !this.channel.destroyed) this.channel.write(`${JSON.stringify(message)}\n`);
  }
}

/** Runs the package without its `__init__`, which imports what plays need; nor does the proxy speak TLS itself. */
const program = (sdk: string | null): string =>
  [
    'import importlib.util, sys, types',
    ...(sdk === null ? [] : [`sys.path.insert(0, ${JSON.stringify(sdk)})`]),
    'sys.modules["ssl"] = None',
    'package = types.ModuleType("hero_tracing")',
    'package.__path__ = importlib.util.find_spec("hero_tracing").submodule_search_locations',
    'sys.modules["hero_tracing"] = package',
    'from hero_tracing._egress.process import main; main()',
  ].join('\n');
