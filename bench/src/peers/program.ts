import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

type Answer = { ready: Record<string, unknown> } | { took: number[] } | { error: string };

/**
 * A worker program of bench/peers: one JSON request and one JSON answer per line. It ends when its stdin does, so it cannot outlive
 * the bench; every wait has a limit, after which the program is killed.
 */
export class Program {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
    private readonly name: string,
  ) {}

  static async start(
    command: string,
    args: readonly string[],
    options: { cwd: string; env?: Record<string, string>; name: string },
  ): Promise<{ program: Program; ready: Record<string, unknown> }> {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: { ...process.env, NODE_ENV: 'production', ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => undefined); // it died: the answer that does not come says so
    const failed = once(child, 'error').then(([error]) => Promise.reject(error));
    failed.catch(() => undefined); // said by the race below, or by the answer that does not come
    const program = new Program(child, createInterface({ input: child.stdout })[Symbol.asyncIterator](), options.name);
    const answer = await Promise.race([program.answer(60_000), failed]);
    if (!('ready' in answer)) throw new Error(`${options.name} did not start: ${JSON.stringify(answer)}`);
    return { program, ready: answer.ready };
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async ask(request: object, limit = 300_000): Promise<number[]> {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.answer(limit);
    if ('took' in answer) return answer.took;
    throw new Error(`${this.name} failed at ${JSON.stringify(request)}: ${JSON.stringify(answer)}`);
  }

  /** kill -9, and back when it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.gone();
  }

  async end(): Promise<void> {
    this.child.stdin?.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await this.gone();
    clearTimeout(late);
  }

  private async gone(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  private async answer(limit: number): Promise<Answer> {
    const late = setTimeout(() => this.child.kill('SIGKILL'), limit);
    try {
      for (;;) {
        const { value, done } = await this.lines.next();
        if (done) throw new Error(`${this.name} ended, or was killed because it did not answer within ${limit} ms`);
        // What a library prints on stdout is no answer.
        if (value.startsWith('{')) return JSON.parse(value) as Answer;
      }
    } finally {
      clearTimeout(late);
    }
  }
}
