/**
 * Slots of an executor, one for each play that works.
 *
 * 1. Each play has one `Slot`. Which plays work, linger or return is told by the set that its Slot is in; nothing is counted
 *    beside these sets, so nothing can be counted wrong.
 * 2. A Slot that was disposed is in no set, for good: whatever still waits on its behalf gets none.
 * 3. A lingering play (it waits, and its process is still there) leaves its slot to new work, and takes one again before it
 *    goes on: before new work does (`free` leaves out what returning plays want).
 * 4. At most as many plays linger as there are slots: so there are at most twice as many processes.
 */
import { Waiters } from './waiters.js';

type State = 'working' | 'lingering' | 'returning';

export class Slots {
  private readonly plays: Readonly<Record<State, Set<Slot>>> = {
    working: new Set(),
    lingering: new Set(),
    returning: new Set(),
  };

  constructor(
    readonly count: number,
    /** Called when there may be room for new work. */
    private readonly onFree: () => void,
  ) {}

  get busy(): number {
    return this.plays.working.size;
  }

  /** Processes that wait without a slot. */
  get lingering(): number {
    return this.plays.lingering.size + this.plays.returning.size;
  }

  /** How much new work there is room for. */
  get free(): number {
    return Math.max(0, this.count - this.busy - this.plays.returning.size);
  }

  /** To be bound with `using`: it is given back however the block ends. */
  take(): Slot {
    const slot = new Slot(this);
    this.plays.working.add(slot);
    return slot;
  }

  /** Of `Slot` only, as all below. */
  stateOf(slot: Slot): State | undefined {
    const { working, lingering, returning } = this.plays;
    if (working.has(slot)) return 'working';
    if (lingering.has(slot)) return 'lingering';
    return returning.has(slot) ? 'returning' : undefined;
  }

  move(slot: Slot, to?: State): void {
    for (const plays of Object.values(this.plays)) plays.delete(slot);
    if (to) this.plays[to].add(slot);
    this.handOut();
  }

  /** Rule 3. */
  private handOut(): void {
    for (const slot of this.plays.returning) {
      if (this.busy >= this.count) return;
      this.plays.returning.delete(slot);
      this.plays.working.add(slot);
      slot.changed();
    }
    if (this.free > 0) this.onFree();
  }
}

/** The slot of one play. */
export class Slot implements Disposable {
  private readonly changes = new Waiters();

  constructor(private readonly of: Slots) {}

  /** Gives it back for a while; false where too many plays do so already. */
  lend(): boolean {
    if (this.of.stateOf(this) !== 'working' || this.of.lingering >= this.of.count) return false;
    this.of.move(this, 'lingering');
    return true;
  }

  /** Takes one again; false where there was none in time, or the play is over: then it must go. */
  async back(withinMs: number): Promise<boolean> {
    if (this.of.stateOf(this) === 'lingering') this.of.move(this, 'returning');
    if (this.of.stateOf(this) === 'returning' && !(await this.changes.next(withinMs))) this.of.move(this, 'lingering');
    return this.of.stateOf(this) === 'working';
  }

  /** Of `Slots` only. */
  changed(): void {
    this.changes.all();
  }

  /** The play’s process has ended. Idempotent. */
  [Symbol.dispose](): void {
    if (this.of.stateOf(this) === undefined) return;
    this.of.move(this);
    this.changed();
  }
}
