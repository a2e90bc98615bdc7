/** The bus methods of workflows and their versions: each passes its parameters to the class that does the work. */
import { Handle } from '@hero/bus';
import {
  type Params,
  workflowCreate,
  workflowCreateVersion,
  workflowDelete,
  workflowGet,
  workflowInspect,
  workflowList,
  workflowRevisions,
  workflowSetCurrentVersion,
  workflowUpdate,
  workflowUse,
  workflowVersionFetch,
  workflowVersionList,
} from '@hero/contracts';
import { Controller } from '@nestjs/common';
import { WorkflowDeletion } from '../plays/workflow-deletion.js';
import { Workflows } from '../workflows/workflows.js';

@Controller()
export class WorkflowHandlers {
  constructor(
    private readonly workflows: Workflows,
    private readonly deletion: WorkflowDeletion,
  ) {}

  @Handle(workflowCreate) create(p: Params<typeof workflowCreate>) {
    return this.workflows.create(p);
  }

  @Handle(workflowGet) get(p: Params<typeof workflowGet>) {
    return this.workflows.get(p);
  }

  @Handle(workflowList) list(p: Params<typeof workflowList>) {
    return this.workflows.list(p);
  }

  @Handle(workflowUpdate) update(p: Params<typeof workflowUpdate>) {
    return this.workflows.update(p);
  }

  @Handle(workflowDelete) remove(p: Params<typeof workflowDelete>) {
    return this.deletion.remove(p);
  }

  @Handle(workflowCreateVersion) createVersion(p: Params<typeof workflowCreateVersion>) {
    return this.workflows.createVersion(p);
  }

  @Handle(workflowSetCurrentVersion) setCurrentVersion(p: Params<typeof workflowSetCurrentVersion>) {
    return this.workflows.setCurrentVersion(p);
  }

  @Handle(workflowVersionFetch) fetchVersion(p: Params<typeof workflowVersionFetch>) {
    return this.workflows.fetchVersion(p);
  }

  @Handle(workflowVersionList) listVersions(p: Params<typeof workflowVersionList>) {
    return this.workflows.listVersions(p);
  }

  @Handle(workflowInspect) inspect(p: Params<typeof workflowInspect>) {
    return this.workflows.inspect(p);
  }

  @Handle(workflowRevisions) revisions(p: Params<typeof workflowRevisions>) {
    return this.workflows.revisions(p);
  }

  @Handle(workflowUse) use() {
    return this.workflows.use();
  }
}
