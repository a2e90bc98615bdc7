/**
 * Worker threads that check values which would block the event loop: large ones, and those with schemas that may cost much.
 *
 * 1. A thread has one task at a time. A task that takes longer than LONGEST_MS is ended with its thread; a new thread is started when
 *    it is needed.
 * 2. An owner (a play, a workflow) has at most one running task and so occupies one thread; tasks of other owners go first.
 * 3. An owner whose tasks have taken SPENT_MS within a minute is refused until the minute is over. The time that any value of that
 *    size takes is not counted, because large values are legitimate.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Checked, Task } from './check.js';
import type { Reply } from './check-thread.js';

const THREADS = 2;
const LONGEST_MS = 20_000;
const SPENT_MS = 2_000;
const FREE_MS = 50;
const FREE_MS_OF_A_MILLION = 400;
const MINUTE_MS = 60_000;

/** The built file beside this one; when the sources run, that of the build. */
const SCRIPT = ['./check-thread.js', '../../dist/schema-checks/check-thread.js']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(fileURLToPath(url)));

/** The schemas of the owner have used up their time, or one task takes too long. */
export class Spent extends Error {}

interface Waiting {
  owner: string;
  task: Task;
  resolve(checked: Checked): void;
  reject(error: Error): void;
}

export class CheckThreads {
  private readonly idle: Worker[] = [];
  private readonly all = new Set<Worker>();
  private readonly waiting: Waiting[] = [];
  private readonly busy = new Set<string>();
  private readonly spent = new Map<string, { since: number; ms: number }>();

  constructor(private readonly spentMs = SPENT_MS) {}

  run(owner: string, task: Task): Promise<Checked> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ owner, task, resolve, reject });
      this.next();
    });
  }

  async stop(): Promise<void> {
    for (const { reject } of this.waiting.splice(0)) reject(new Error('The registry is stopping.'));
    await Promise.all(Array.from(this.all, (worker) => worker.terminate()));
  }

  private next(): void {
    for (let at = 0; at < this.waiting.length; at++) {
      const one = this.waiting[at];
      if (!one || this.busy.has(one.owner)) continue;
      if (this.spentBy(one.owner) >= this.spentMs) {
        this.waiting.splice(at--, 1);
        one.reject(new Spent());
        continue;
      }
      const worker = this.idle.pop() ?? (this.all.size < THREADS ? this.start() : undefined);
      if (!worker) return;
      this.waiting.splice(at--, 1);
      this.work(worker, one);
    }
  }

  private start(): Worker {
    if (!SCRIPT) throw new Error('check-thread.js is missing; build the registry.');
    const worker = new Worker(SCRIPT);
    worker.unref();
    this.all.add(worker);
    worker.once('exit', () => {
      this.all.delete(worker);
      const at = this.idle.indexOf(worker);
      if (at >= 0) this.idle.splice(at, 1);
    });
    return worker;
  }

  private work(worker: Worker, { owner, task, resolve, reject }: Waiting): void {
    this.busy.add(owner);
    const end = (ms: number, give: () => void): void => {
      clearTimeout(timer);
      worker.removeAllListeners('message').removeAllListeners('error');
      this.busy.delete(owner);
      this.spend(owner, ms - freeMs(task));
      give();
      this.next();
    };
    const timer = setTimeout(() => {
      void worker.terminate();
      end(LONGEST_MS, () => reject(new Spent()));
    }, LONGEST_MS);
    worker.once('error', (error) => end(0, () => reject(error instanceof Error ? error : new Error(String(error)))));
    worker.once('message', (reply: Reply) => {
      this.idle.push(worker);
      end(reply.ms, () => ('checked' in reply ? resolve(reply.checked) : reject(new Error(reply.failure))));
    });
    worker.postMessage(task);
  }

  private spentBy(owner: string): number {
    const spent = this.spent.get(owner);
    if (!spent || performance.now() - spent.since <= MINUTE_MS) return spent?.ms ?? 0;
    this.spent.delete(owner);
    return 0;
  }

  private spend(owner: string, ms: number): void {
    if (ms <= 0) return;
    for (const [known, { since }] of this.spent) {
      if (performance.now() - since <= MINUTE_MS) break;
      this.spent.delete(known);
    }
    const spent = this.spent.get(owner) ?? { since: performance.now(), ms: 0 };
    this.spent.set(owner, { ...spent, ms: spent.ms + ms });
  }
}

const charactersOf = (task: Task): number =>
  task.kind === 'answer' ? task.answer.length : task.input.length + (task.prefills?.length ?? 0);
const freeMs = (task: Task): number => FREE_MS + (charactersOf(task) / 1e6) * FREE_MS_OF_A_MILLION;
