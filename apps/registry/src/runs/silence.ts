/**
 * How long the executors have been silent, by the monotonic clock of this process.
 *
 * A lease must not depend on a wall clock: set forward by five seconds, the database's would end every lease at once. So an executor's
 * sign of life is a number in the database that rises with each renewal, whichever registry got it, and each registry measures for
 * itself how long it has seen the same number. The number survives the registry; the time does not: a registry that was started, or
 * was itself stopped, begins to measure anew. Who acts on a silence compares the number again: whoever renewed since is alive.
 */
import type { Sign } from './lease-store.js';

export class Silence {
  private readonly seen = new Map<string, { renewals: number; since: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Notes what is seen now, and returns who was silent for so long. Who is not named is forgotten. */
  of(signs: readonly Sign[], forMs: number): Sign[] {
    const now = this.now();
    const named = new Set(signs.map(keyOf));
    for (const key of this.seen.keys()) if (!named.has(key)) this.seen.delete(key);
    return signs.filter((sign) => {
      const known = this.seen.get(keyOf(sign));
      if (known?.renewals === sign.renewals) return now - known.since >= forMs;
      this.seen.set(keyOf(sign), { renewals: sign.renewals, since: now });
      return false;
    });
  }

  /** Nothing that was measured so far counts. */
  forget(): void {
    this.seen.clear();
  }
}

const keyOf = ({ owner, claim }: Sign): string => `${owner} ${claim}`;
