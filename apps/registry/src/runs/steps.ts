/**
 * step_commit: what arrived while one transaction was under way goes into the next (group commit).
 *
 * 1. Each group is answered on its own: done, fenced, or refused with the reason.
 * 2. I12: an error that is no outage bisects what travelled together until the guilty group stands alone; the others are committed.
 *    The guilty one is refused with the reason, whatever class of error it is: repeated, it would fail again, for ever.
 * 3. A play whose row somebody holds, and the second group of one play, go into a later transaction; after 0.1 s the group
 *    is given back as busy, because the reply carries other plays' groups too.
 * 4. What the database did not answer is not answered either (UNAVAILABLE): the executor repeats it, and `group_no` makes
 *    the repetition harmless.
 */
import { type GroupResult, messageOf, type Params, type Result, type stepCommit } from '@hero/contracts';
import { isTooSlow, isTransient } from '@hero/persistence';
import { Combiner, failpoint } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { payloadFault } from '@hero/json';
import { type OwnedGroup, StepStore, type Verdict } from './step-store.js';

type Judged = Verdict | { refused: string };

const BUSY_AFTER_MS = 100;
const sizeOf = (group: OwnedGroup): number => group.steps.reduce((bytes, step) => bytes + step.outcome.length, 1000);

@Injectable()
export class Steps {
  private readonly combiner = new Combiner<OwnedGroup, Judged>({
    run: (groups) => this.write(groups),
    sizeOf,
    maxBytes: 4 * 1024 * 1024,
    // A second transaction is made ready while the first one waits for the disk.
    concurrency: 2,
  });

  constructor(private readonly store: StepStore) {}

  async commit({ owner, groups }: Params<typeof stepCommit>): Promise<Result<typeof stepCommit>> {
    await failpoint('registry.commit.before');
    const results = await Promise.all(groups.map((group) => this.commitOne({ ...group, owner })));
    await failpoint('registry.commit.after');
    return { results };
  }

  private async commitOne(group: OwnedGroup): Promise<GroupResult> {
    const fault = faultOf(group);
    if (fault !== undefined) return { result: 'refused', message: fault };
    const limit = performance.now() + BUSY_AFTER_MS;
    for (let waitMs = 1; ; waitMs *= 2) {
      const judged = await this.combiner.add(group);
      if (typeof judged === 'object') return { result: 'refused', message: judged.refused };
      if (judged !== 'skipped') return { result: judged };
      if (performance.now() + waitMs > limit) return { result: 'busy' };
      await pause(waitMs);
    }
  }

  private async write(groups: OwnedGroup[]): Promise<Judged[]> {
    const firsts = new Map<string, OwnedGroup>();
    for (const group of groups) if (!firsts.has(group.play_sid)) firsts.set(group.play_sid, group);
    const together = [...firsts.values()];
    const judged = await this.bisect(together);
    const verdicts = new Map(together.map((group, index) => [group, judged[index]]));
    return groups.map((group) => verdicts.get(group) ?? 'skipped');
  }

  private async bisect(groups: OwnedGroup[]): Promise<Judged[]> {
    try {
      return await this.store.commit(groups);
    } catch (error) {
      if (isTransient(error) || isTooSlow(error)) throw error;
      if (groups.length === 1) return [{ refused: `The outcome cannot be stored: ${messageOf(error)}.` }];
      const half = groups.length >> 1;
      return [...(await this.bisect(groups.slice(0, half))), ...(await this.bisect(groups.slice(half)))];
    }
  }
}

function faultOf(group: OwnedGroup): string | undefined {
  for (const step of group.steps) {
    const fault = payloadFault(step.outcome, step.name);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
