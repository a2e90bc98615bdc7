/** Those who wait for the next time that something happens. */
export class Waiters {
  private waiting = new Set<(happened: boolean) => void>();

  /** False when it did not happen in time. */
  next(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (happened: boolean): void => {
        clearTimeout(late);
        this.waiting.delete(done);
        resolve(happened);
      };
      const late = setTimeout(() => done(false), withinMs);
      this.waiting.add(done);
    });
  }

  all(): void {
    for (const done of this.waiting) done(true);
  }
}
