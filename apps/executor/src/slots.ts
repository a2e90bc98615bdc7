/**
 * Slots of an executor, one for each play that works.
 *
 * 1. A lingering play (it waits, and its process is still there) gives its slot back, and takes one again before it goes on: before
 *    new work does (`free` leaves out what is wanted back).
 * 2. At most as many plays linger as there are slots: so there are at most twice as many processes.
 */
export class Slots {
  private taken = 0;
  private lingering = 0;
  private readonly wanted = new Set<() => void>();

  constructor(
    readonly count: number,
    /** Called when there may be room for new work. */
    private readonly onFree: () => void,
  ) {}

  get busy(): number {
    return this.taken;
  }

  /** How much new work there is room for. */
  get free(): number {
    return Math.max(0, this.count - this.taken - this.wanted.size);
  }

  take(): Slot {
    this.taken++;
    return new Slot(this);
  }

  /** Of `Slot` only, as all below. */
  give(): void {
    this.taken--;
    const [next] = this.wanted;
    if (next && this.taken < this.count) next();
    else this.onFree();
  }

  lend(): boolean {
    if (this.lingering >= this.count) return false;
    this.lingering++;
    this.give();
    return true;
  }

  /** False: there was no slot in time. */
  async back(withinMs: number): Promise<boolean> {
    try {
      return await this.wait(withinMs);
    } finally {
      this.lingering--;
    }
  }

  forget(): void {
    this.lingering--;
  }

  private wait(withinMs: number): Promise<boolean> {
    if (this.taken < this.count) {
      this.taken++;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const done = (slot: boolean): void => {
        clearTimeout(late);
        this.wanted.delete(call);
        if (slot) this.taken++;
        resolve(slot);
      };
      const call = (): void => done(true);
      const late = setTimeout(() => done(false), withinMs);
      this.wanted.add(call);
    });
  }
}

/** The slot of one play. */
export class Slot {
  private state: 'held' | 'lent' | 'given' = 'held';

  constructor(private readonly of: Slots) {}

  /** Gives it back for a while; false where too many plays do so already. */
  lend(): boolean {
    if (this.state !== 'held' || !this.of.lend()) return false;
    this.state = 'lent';
    return true;
  }

  /** Takes one again; false where there was none in time: then the play must go. */
  async back(withinMs: number): Promise<boolean> {
    if (this.state !== 'lent') return this.state === 'held';
    this.state = 'given';
    if (!(await this.of.back(withinMs))) return false;
    this.state = 'held';
    return true;
  }

  /** The play's process is gone, or is to go. */
  give(): void {
    if (this.state === 'held') this.of.give();
    if (this.state === 'lent') this.of.forget();
    this.state = 'given';
  }
}
