/**
 * workflow_delete: deletes a workflow with its versions and plays in one transaction.
 *
 * 1. The workflow's row is locked first: the start of a play waits for the lock, and then finds no workflow.
 * 2. It is refused while a play of the workflow is not final; `force` cancels those in the same transaction, with their children.
 * 3. Spans belong to span-ingest: their deletion is an outbox row, which is sent until it succeeds.
 */
import { HeroError, type Params, type Result, type workflowDelete } from '@hero/contracts';
import { Injectable } from '@nestjs/common';
import { PlayStore } from './play-store.js';
import { Cancels } from './cancels.js';
import { Relay } from '../outbox/relay.js';
import { WorkflowStore } from '../workflows/workflow-store.js';
import { found, Workflows } from '../workflows/workflows.js';

@Injectable()
export class WorkflowDeletion {
  constructor(
    private readonly workflows: Workflows,
    private readonly store: WorkflowStore,
    private readonly cancels: Cancels,
    private readonly playStore: PlayStore,
    private readonly relay: Relay,
  ) {}

  async remove({ workflow_sid: sid, force }: Params<typeof workflowDelete>): Promise<Result<typeof workflowDelete>> {
    const { revision, cancelled, removed } = await this.store.database.tx(async (sql) => {
      found(await this.store.lockForDelete(sql, sid), sid);
      const active = await this.playStore.sidsOf(sid, 'active', sql);
      if (active.length > 0 && !force) throw stillRunning(sid, active);
      const cancelled = await this.cancels.cancelAllOf(sid, `Workflow ${sid} was deleted.`, sql);
      const removed = await this.playStore.removeAllOf(sid, sql);
      const revision = await this.store.nextRevision(sql);
      await this.store.remove(sql, sid, revision);
      return { revision, cancelled, removed };
    });
    this.cancels.tell(cancelled);
    this.relay.tell(...removed);
    this.workflows.announce({ workflow_sid: sid, revision, deleted: true });
    return { ok: true };
  }
}

function stillRunning(sid: string, active: string[]): HeroError {
  const more = active.length > 1 ? ` and ${active.length - 1} more are` : ' is';
  return new HeroError(
    'INVALID_STATE',
    `Workflow ${sid} was not deleted: play ${active[0]}${more} not final. Cancel them, or pass force.`,
    { details: { play_sids: active.slice(0, 100) } },
  );
}
