/**
 * Group commit: while one group is under way, what arrives waits and then goes together.
 *
 * 1. An item alone goes at once: waiting for company would cost latency and win nothing.
 * 2. Each item is answered on its own: by the value at its index, or by the Error there.
 * 3. A `run` that throws fails every item of its group with that error.
 */
export interface CombinerOptions<T, R> {
  /** As many answers as items, in their order; an Error at an index rejects that item. */
  run(items: T[]): Promise<readonly (R | Error)[]>;
  /** Default 500. */
  maxItems?: number;
  /** Sum of `sizeOf` in one group; an item that is larger alone goes alone. */
  maxBytes?: number;
  sizeOf?(item: T): number;
  /** Groups under way at once. Default 1. */
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

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    if (this.active === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => this.idleListeners.push(resolve));
  }

  /** What arrives in the same turn of the event loop goes together. */
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
