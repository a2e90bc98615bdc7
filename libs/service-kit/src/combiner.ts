/**
 * Group commit: items that arrive while a group is sent are collected and sent together as the next group.
 *
 * 1. A single item is sent immediately, because waiting for more items would cost latency and gain nothing.
 * 2. Each item gets its own answer: the value at its index, or the Error there.
 * 3. A `run` that throws fails every item of its group with that error.
 */
export interface CombinerOptions<T, R> {
  /** Returns as many answers as items, in the same order; an Error at an index rejects that item. */
  run(items: T[]): Promise<readonly (R | Error)[]>;
  /** Largest number of items in a group. Default 500. */
  maxItems?: number;
  /** Largest sum of `sizeOf` in one group; a single larger item is sent alone. */
  maxBytes?: number;
  sizeOf?(item: T): number;
  /** Number of groups that are sent at the same time. Default 1. */
  concurrency?: number;
}

interface Waiting<T, R> {
  item: T;
  bytes: number;
  resolve(value: R): void;
  reject(error: unknown): void;
}

export class Combiner<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private active = 0;
  private scheduled = false;
  private idleListeners: (() => void)[] = [];

  constructor(private readonly options: CombinerOptions<T, R>) {}

  add(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, bytes: this.options.sizeOf?.(item) ?? 0, resolve, reject });
      this.schedule();
    });
  }

  get size(): number {
    return this.waiting.length;
  }

  /** Resolves when no item waits and no group is being sent. */
  async idle(): Promise<void> {
    if (this.active === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => this.idleListeners.push(resolve));
  }

  /** Items that arrive in the same turn of the event loop are sent together. */
  private schedule(): void {
    if (this.scheduled || this.active >= (this.options.concurrency ?? 1)) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      while (this.waiting.length > 0 && this.active < (this.options.concurrency ?? 1)) void this.send(this.take());
    });
  }

  private take(): Waiting<T, R>[] {
    const { maxItems = 500, maxBytes = Number.POSITIVE_INFINITY } = this.options;
    let count = 0;
    let bytes = 0;
    for (const { bytes: own } of this.waiting) {
      if (count >= maxItems || (count > 0 && bytes + own > maxBytes)) break;
      bytes += own;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async send(group: Waiting<T, R>[]): Promise<void> {
    this.active++;
    try {
      const answers = await this.options.run(group.map(({ item }) => item));
      group.forEach(({ resolve, reject }, index) => {
        const answer = answers[index];
        if (answer instanceof Error) reject(answer);
        else if (index < answers.length) resolve(answer as R);
        else reject(new Error(`A group of ${group.length} items got ${answers.length} answers.`));
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      this.active--;
      if (this.waiting.length > 0) this.schedule();
      else if (this.active === 0) for (const listener of this.idleListeners.splice(0)) listener();
    }
  }
}
