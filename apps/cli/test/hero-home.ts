/** A HERO_HOME of its own, and the built CLI run in it as a person would run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type TempFolder, tempFolder } from '@hero/testing';

const ROOT = resolve(import.meta.dirname, '../../..');
const CLI = join(ROOT, 'apps', 'cli', 'bin', 'hero_logic.mjs');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

export class HeroHome implements AsyncDisposable {
  private readonly running = new Set<CliProcess>();

  private constructor(private readonly folder: TempFolder) {}

  static async make(): Promise<HeroHome> {
    return new HeroHome(await tempFolder());
  }

  get path(): string {
    return join(this.folder.path, 'hero');
  }

  /** `npx hero_logic …` */
  start(...args: string[]): CliProcess {
    return this.spawn(process.execPath, [CLI, ...args]);
  }

  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** `npm …` in the checkout. */
  npm(...args: string[]): Promise<Ended> {
    return this.spawn('npm', args).ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run('down');
    await Promise.all([...this.running].map((one) => one.kill('SIGTERM')));
    await this.folder[Symbol.asyncDispose]();
  }

  private spawn(command: string, args: string[]): CliProcess {
    const { NODE_OPTIONS: _, NATS_URL: __, DATABASE_URL: ___, ...env } = process.env;
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, HERO_HOME: this.path, HERO_HTTP_PORT: '0' },
    });
    const started = new CliProcess(child);
    this.running.add(started);
    void started.ended.finally(() => this.running.delete(started));
    return started;
  }
}

export class CliProcess {
  readonly ended: Promise<Ended>;
  private out = '';
  private err = '';
  private readonly lines: AsyncIterableIterator<string>;

  constructor(private readonly child: ChildProcess & { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream }) {
    child.stdout.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.ended = once(child, 'close').then(([code]) => ({ code: code as number | null, out: this.out, err: this.err }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The next line of its output that fits. */
  async line(fits: RegExp): Promise<string> {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done === true) throw new Error(`it ended without the line ${fits}:\n${this.out}${this.err}`);
      if (fits.test(value)) return value;
    }
  }

  async kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}
