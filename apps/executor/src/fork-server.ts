/**
 * One `hero_tracing.forkserver` process. It forks children, kills them with all that they started, and ends when this process
 * does: its channel is fd 3 of the child.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { Log } from '@hero/bus';
import type { SandboxReport } from '@hero/contracts';
import { LineSplitter } from './line-splitter.js';
import type { PlayPython } from './python.js';
import type { Mount } from './settings.js';

export interface ForkSettings {
  socket: string;
  plays: string;
  shown_plays: string;
  sandbox: 'off' | 'default';
  egress: 'none' | 'host' | 'proxy';
  /** The proxy's socket, and the entries that each slot has a listener for. */
  proxy: { socket: string; entries: readonly string[] } | null;
  mounts: readonly Mount[];
  preload: readonly string[];
  /** The folder of the packages, and the lock that whoever uses it holds; null: only what the interpreter has. */
  packages: { folder: string; lock: string } | null;
}

export interface Order {
  /** null: the child is armed, and learns from `start` which play it is. */
  sid: string | null;
  kind: 'play' | 'inspect';
  token: string;
  workdir: string;
  limits: Record<string, number>;
}

/** How a child ended, with all that it started. `not_started`: no code of a play has run in it. `why`: `deadline` and `channel` say that the fork server killed it, `killed` that it was told to. */
export type Ending =
  | { t: 'exit'; code: number | null; signal: string | null; why: '' | 'killed' | 'deadline' | 'channel' }
  | { t: 'not_started'; message: string; deadline: boolean }
  | { t: 'lost' };

interface Ready {
  t: 'ready';
  level: SandboxReport['level'];
  enforced: string[];
  missing: string[];
  uid: number;
  gid: number;
  python: string;
  /** Whether children can be armed: whatever a play leaves behind is out of reach of the next one. */
  arms: boolean;
  /** Modules of HERO_PRELOAD that were not imported, each with the reason. */
  not_preloaded: Record<string, string>;
}

type Message = Ready | { t: 'failed'; message: string } | (Exclude<Ending, { t: 'lost' }> & { id: number });

export interface Started {
  kill(): void;
  readonly ended: Promise<Ending>;
}

const READY_WITHIN_MS = 30_000;
const MESSAGE_LIMIT = 1024 * 1024;

export class ForkServer {
  /** Children that were given something to do. */
  used = 0;
  private forks = 0;
  private readonly running = new Map<number, (ending: Ending) => void>();
  private constructor(
    private readonly child: ChildProcess,
    private readonly channel: Duplex,
    readonly ready: Ready,
    splitter: LineSplitter,
    readonly gone: Promise<void>,
  ) {
    channel.on('data', (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.hear(JSON.parse(line.toString()) as Message);
    });
    void gone.then(() => {
      for (const end of this.running.values()) end({ t: 'lost' });
      this.running.clear();
    });
  }

  static async start(python: PlayPython, settings: ForkSettings, log: Log): Promise<ForkServer> {
    const code = [
      'import sys',
      // -P, for Python 3.10 too: nothing is imported from the working directory.
      'sys.path[:] = [folder for folder in sys.path if folder]',
      ...(python.sdk === null ? [] : [`sys.path.insert(0, ${JSON.stringify(python.sdk)})`]),
      // Last: a client of a service hides no other module. What is on the path is shown to plays, read-only.
      `sys.path.append(${JSON.stringify(python.clients)})`,
      'from hero_tracing.forkserver import main; main()',
    ].join('; ');
    const child = spawn(python.executable, ['-s', '-B', '-X', 'utf8', '-c', code], {
      // What it is started with stays readable in every play: no secret. -I and -E would ignore the seed: with a seed of
      // its own each attempt of a play would iterate its sets in another order, and run remembered steps again.
      env: { PYTHONHASHSEED: '0' },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const channel = child.stdio[3] as Duplex;
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        const text = chunk.toString();
        said.push(text.slice(0, 4000));
        if (said.length > 10) said.shift();
        log.warn({ pid: child.pid, text: text.slice(0, 4000) }, 'fork server');
      });
    }
    channel.on('error', () => undefined);
    const gone = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    channel.write(`${JSON.stringify({ t: 'settings', ...settings })}\n`);
    const splitter = new LineSplitter(MESSAGE_LIMIT);
    try {
      const first = await firstMessage(channel, splitter, gone, said);
      if (first.t !== 'ready')
        throw new Error(first.t === 'failed' ? first.message : `its first message was ${first.t}, not ready`);
      return new ForkServer(child, channel, first, splitter, gone);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get busy(): number {
    return this.running.size;
  }

  fork(order: Order): Started {
    const id = ++this.forks;
    const ended = new Promise<Ending>((resolve) => this.running.set(id, resolve));
    void this.gone.then(() => this.end(id, { t: 'lost' }));
    this.say({ t: 'fork', id, ...order });
    return { kill: () => this.say({ t: 'kill', id }), ended };
  }

  /** In the milliseconds of the system's monotonic clock, which both processes read. */
  lease(untilMs: number): void {
    this.say({ t: 'lease', until_ms: untilMs });
  }

  /** It ends when its last play has. */
  retire(): void {
    this.say({ t: 'retire' });
  }

  /** Ends it with all its plays, as if it had died. */
  abandon(): void {
    this.child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.channel.destroy();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 2_000);
    await this.gone;
    clearTimeout(late);
  }

  private say(message: object): void {
    if (!this.channel.destroyed) this.channel.write(`${JSON.stringify(message)}\n`);
  }

  private hear(message: Message): void {
    if (message.t === 'ready' || message.t === 'failed') return;
    const { id, ...ending } = message;
    this.end(id, ending);
  }

  private end(id: number, ending: Ending): void {
    this.running.get(id)?.(ending);
    this.running.delete(id);
  }
}

function firstMessage(channel: Duplex, splitter: LineSplitter, gone: Promise<void>, said: string[]): Promise<Message> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
    const read = (chunk: Buffer): void => {
      const [line] = splitter.push(chunk);
      if (!line) return;
      clearTimeout(late);
      channel.off('data', read);
      resolve(JSON.parse(line.toString()) as Message);
    };
    channel.on('data', read);
    void gone.then(() => {
      clearTimeout(late);
      reject(
        new Error(`it ended before it was ready: ${said.join('').trim().slice(-2000) || 'it wrote nothing to stderr'}`),
      );
    });
  });
}
