/**
 * Outcomes of steps on their way to the registry: while one request is under way, what arrives from any play waits and
 * then goes together (I3: the play is answered after the commit).
 *
 * 1. A lost reply, an outage or a busy row: the group is sent again until it is answered or this executor no longer owns its
 *    play. A group that fails again and again in the registry itself is refused in the end: its play ends with the reason.
 * 2. I12: what only one group is guilty of is asked for that group alone.
 */
import { backoff } from '@hero/bus';
import { type GroupResult, messageOf, MIB, stepCommit, type StepGroup } from '@hero/contracts';
import { Combiner, failpoint } from '@hero/service-kit';
import { isAway, patience, type RegistryCalls } from './registry-calls.js';

const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 500;

export type Committed = GroupResult & { result: 'done' | 'fenced' | 'refused' };

export class Commits {
  private readonly closing = new AbortController();
  private readonly combiner = new Combiner<StepGroup, GroupResult>({
    run: (groups) => this.send(groups),
    maxItems: 1000,
    maxBytes: 4 * MIB,
    sizeOf: sizeOfGroup,
    // A second request is made ready while the first one waits for the disk.
    concurrency: 2,
  });

  constructor(private readonly calls: RegistryCalls) {}

  /** Rejects with the signal's reason only. */
  async commit(group: StepGroup, signal: AbortSignal): Promise<Committed> {
    const mayRepeat = patience();
    const retry = backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    for (;;) {
      signal.throwIfAborted();
      try {
        const { result, message } = await this.combiner.add(group);
        if (result !== 'busy') return { result, message };
      } catch (error) {
        if (!mayRepeat(error)) return { result: 'refused', message: messageOf(error) };
      }
      await retry.wait(signal);
    }
  }

  close(): void {
    this.closing.abort();
  }

  private async send(groups: StepGroup[]): Promise<readonly (GroupResult | Error)[]> {
    await failpoint('executor.commit.before');
    const answers = await this.ask(groups);
    await failpoint('executor.commit.after');
    return answers;
  }

  private async ask(groups: StepGroup[]): Promise<readonly (GroupResult | Error)[]> {
    try {
      const ask = { owner: this.calls.owner, groups };
      return (await this.calls.once(stepCommit, ask, this.closing.signal)).results;
    } catch (error) {
      const mapped = error instanceof Error ? error : new Error(String(error));
      if (groups.length === 1 || isAway(error)) return groups.map(() => mapped);
      // The request as a whole failed, not a group of it: whose fault it is shows alone.
      return (await Promise.all(groups.map((group) => this.ask([group])))).flat();
    }
  }
}

export const sizeOfGroup = ({ steps }: Pick<StepGroup, 'steps'>): number =>
  steps.reduce((bytes, { outcome }) => bytes + outcome.length + 300, 0);
