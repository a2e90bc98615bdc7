/**
 * Delivers the end of a child to its parent, and cancels the children of a parent that has ended.
 *
 * 1. Locks are taken from parents to children only. So the transaction that ends a child does not touch its parent: the end is
 *    *delivered* afterwards, by a transaction that locks only the parent. The code that ended the child delivers immediately;
 *    the sweep delivers what was missed.
 * 2. A delivery answers the wait once (I5), wakes no final play (I6), and adds the child's cost to the parent's once.
 *    A final parent accepts an answer only if it can be retried, and only the output of a successful child.
 * 3. The end of a play cancels its children that still run, because no play waits for them any more.
 */
import { isFinal, PLAY_TRANSITIONS, type PlayStatus } from '@hero/contracts';
import { every, failpoint, type Log, type Timer } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { type ChildEnd, ChildStore } from './child-store.js';
import type { Change } from '../outbox/changes.js';
import { PlayStore } from '../plays/play-store.js';
import { Cancels } from '../plays/cancels.js';
import { Relay } from '../outbox/relay.js';
import { ResumeStore } from './resume-store.js';
import { Wakes, type Woken } from './wakes.js';

/** As the outbox waits before it publishes what a dead registry left: nothing else needs the sweep, and it looks all day. */
const SWEEP_MS = 2_000;
const BATCH = 100;

@Injectable()
export class Children {
  private timer?: Timer;
  private log?: Log;

  constructor(
    private readonly store: ChildStore,
    private readonly resumes: ResumeStore,
    private readonly playStore: PlayStore,
    private readonly cancels: Cancels,
    private readonly wakes: Wakes,
    private readonly relay: Relay,
  ) {}

  start(log: Log): void {
    this.log = log;
    this.relay.onCommitted((change) => {
      if (change.moved && (change.parent_play_sid || change.has_children)) void this.ended(change);
    });
    this.timer = every(SWEEP_MS, () => this.sweep(), { log, name: 'children' });
  }

  async stop(): Promise<void> {
    await this.timer?.stop();
  }

  /** Delivers what was missed because a registry died between an end and its delivery. */
  async sweep(): Promise<void> {
    for (;;) {
      const children = await this.store.undelivered(BATCH);
      for (const sid of children) await this.deliver(sid);
      const parents = await this.store.withOrphans(BATCH);
      for (const sid of parents) await this.cancelBelow(sid);
      if (children.length < BATCH && parents.length < BATCH) return;
    }
  }

  /** If this fails, the sweep repeats it. */
  private async ended({ play_sid, parent_play_sid, has_children }: Change): Promise<void> {
    try {
      if (parent_play_sid) {
        await failpoint('registry.deliver.before');
        await this.deliver(play_sid);
      }
      if (has_children) await this.cancelBelow(play_sid);
    } catch (err) {
      this.log?.warn(
        { err, play_sid },
        'the end of a play could not be delivered to its parent; the sweep tries again',
      );
    }
  }

  /** Rules 1 and 2. */
  async deliver(childSid: string): Promise<void> {
    const woken = await this.store.database.tx(async (sql): Promise<Woken> => {
      const parentSid = await this.store.parentOf(childSid, sql);
      const parent = parentSid === undefined ? undefined : await this.playStore.lock(parentSid, sql);
      if (!parent) return {};
      const end = await this.store.end(childSid, sql);
      if (!end || end.delivered || !isFinal(end.status)) return {};
      await this.store.deliver(end, parent.play_sid, sql);
      if (end.resumed || (isFinal(parent.status) && !isWorthKeeping(end.status, parent.status))) return {};
      const given = await this.resumes.give({ id: end.id, ...outcomeOf(childSid, end), resumed_by: 'child' }, sql);
      if (given === undefined || isFinal(parent.status)) return {};
      return this.wakes.wake(parent, end, [{ resume_id: end.id, resumed_by: 'child' }], sql);
    });
    this.wakes.tell(woken);
  }

  /** Rule 3. */
  private async cancelBelow(sid: string): Promise<void> {
    await this.cancels.cancelChildren(sid, 'The play that spawned this one has ended.');
  }
}

/** Whether the answer is kept for a retry of the parent. */
const isWorthKeeping = (child: PlayStatus, parent: PlayStatus): boolean =>
  child === 'success' && PLAY_TRANSITIONS[parent].includes('pending');

/** The answer for the parent's branch: the output, or a remembered error. */
function outcomeOf(childSid: string, { status, output, error, name }: ChildEnd) {
  if (status === 'success') return { payload: output ?? 'null', outcome: 'answer' as const };
  const said = error === null ? '' : `: ${error.type}: ${error.message}`;
  const message = `The play of ${JSON.stringify(name)} is ${status}${said}`;
  const payload = JSON.stringify({
    type: 'ChildFailed',
    module: 'hero_tracing',
    message,
    data: { args: [message], attributes: { play_sid: childSid, status, error_type: error?.type ?? '' } },
    traceback: '',
  });
  return { payload, outcome: 'error' as const };
}
