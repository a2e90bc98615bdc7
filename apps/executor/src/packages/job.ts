/** Work that several plays wait for, and what it says meanwhile: whoever comes later hears that from the beginning. */
const MOST_LINES = 500;

export type Follow = (line: string) => void;

export class Job<T> {
  private readonly lines: string[] = [];
  private readonly followers = new Set<Follow>();
  readonly result: Promise<T>;

  constructor(work: (say: Follow) => Promise<T>) {
    this.result = work((line) => this.say(line));
    // Each that waits hears of its failure; so that it is no unhandled rejection if all have left.
    this.result.catch(() => undefined);
  }

  follow(follower: Follow): Disposable {
    for (const line of this.lines) follower(line);
    this.followers.add(follower);
    return { [Symbol.dispose]: () => void this.followers.delete(follower) };
  }

  private say(line: string): void {
    if (this.lines.length < MOST_LINES) this.lines.push(line);
    for (const follower of this.followers) follower(line);
  }
}
