/**
 * Asks `environments/` (Python) to resolve, build or sweep: a process for each request, which ends with this one. It holds the locks and
 * makes the folders, so that a kill of it leaves nothing that anybody uses.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LockedPackage, type PackageLock } from '@hero/contracts';
import { z } from 'zod';
import type { Python } from '../python.js';
import { installFailed } from './install-failed.js';
import { installerEnv, withoutCredentials } from './installer-env.js';

const WITHIN_MS = 15 * 60_000;
const TRIES = 3;
const SCRIPTS = join(import.meta.dirname, '..', '..');
const CODE = `import sys; sys.path.insert(0, ${JSON.stringify(SCRIPTS)}); from environments.__main__ import main; main()`;

const Message = z.discriminatedUnion('t', [
  z.object({ t: z.literal('log'), text: z.string() }),
  z.object({ t: z.literal('failed'), message: z.string(), lines: z.array(z.string()) }),
  z.looseObject({ t: z.literal('done') }),
]);
const Resolved = z.object({ packages: z.array(LockedPackage) });
const Built = z.object({ built: z.boolean() });
const Swept = z.object({ removed: z.array(z.string()) });

export type OnLine = (text: string) => void;

export interface InstallerOptions {
  python: Python;
  /** The folder of all environments. */
  root: string;
  /** Where an own uv and its cache are kept. */
  tools: string;
  installer: 'auto' | 'uv' | 'pip';
}

export class Installer {
  private readonly env = installerEnv(process.env);
  private readonly clean = withoutCredentials(this.env);
  private readonly stopped = new AbortController();

  constructor(private readonly options: InstallerOptions) {}

  async resolve(requirements: string[], onLine: OnLine): Promise<LockedPackage[]> {
    const done = await this.ask({ t: 'resolve', requirements }, requirements, onLine);
    return Resolved.parse(done).packages;
  }

  /** The folder of a lock exists when this resolves; false: another executor made it. */
  async build({ id, packages }: PackageLock, onLine: OnLine): Promise<boolean> {
    const names = packages.map(({ name, version }) => `${name}==${version}`);
    const done = await this.ask({ t: 'build', id, packages }, names, onLine);
    return Built.parse(done).built;
  }

  /** Removes the environments that are not needed and that nobody on this machine uses. */
  async sweep(needed: string[], keepMs: number): Promise<string[]> {
    const done = await this.ask({ t: 'sweep', needed, keep_seconds: keepMs / 1000 }, ['nothing'], () => undefined);
    return Swept.parse(done).removed;
  }

  stop(): void {
    this.stopped.abort();
  }

  /** Again where somebody killed it (memory may have run out): it left nothing, and was not at fault. */
  private async ask(order: object, known: string[], onLine: OnLine): Promise<object> {
    for (let tried = 1; ; tried++) {
      const done = await this.askOnce(order, known, onLine);
      if (done) return done;
      if (tried === TRIES) throw installFailed(known, `the installer was killed ${TRIES} times`, []);
      onLine('the installer was killed; it is started again');
    }
  }

  /** Undefined: it was killed, and not by this executor. */
  private async askOnce(order: object, known: string[], onLine: OnLine): Promise<object | undefined> {
    const { python, root, tools, installer } = this.options;
    const late = AbortSignal.timeout(WITHIN_MS);
    const child = spawn(python.executable, ['-s', '-B', '-X', 'utf8', '-c', CODE], {
      env: this.env,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: AbortSignal.any([this.stopped.signal, late]),
      killSignal: 'SIGKILL',
    });
    const said: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString().slice(0, 2_000)));
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${JSON.stringify({ ...order, root, tools, installer })}\n`);
    const ended = once(child, 'close').catch((error: unknown) => error);
    let done: object | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      const message = Message.parse(JSON.parse(line));
      if (message.t === 'log') onLine(this.clean(message.text));
      else if (message.t === 'done') done = message;
      else throw installFailed(known, this.clean(message.message), message.lines.map(this.clean));
    }
    await ended;
    if (done) return done;
    if (this.stopped.signal.aborted) throw installFailed(known, 'the executor stopped', []);
    if (late.aborted) throw installFailed(known, `it took longer than ${WITHIN_MS / 60_000} minutes`, []);
    if (child.signalCode !== null) return undefined;
    throw installFailed(known, 'the installer ended early', said.map(this.clean));
  }
}
