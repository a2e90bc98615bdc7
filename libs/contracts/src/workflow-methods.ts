/** Contracts of the public methods of workflows and versions. */
import { z } from 'zod';
import { contract } from './contract.js';
import { SearchState } from './system.js';
import { Cursor, Limit, Name, Ok, paged, Sid, Text } from './values.js';
import { FlowField, Inspection, Workflow, WorkflowVersion } from './workflows.js';

const Tags = z.array(Text.min(1).max(100)).max(50);
const Source = z
  .string()
  .max(16 * 1024 * 1024)
  .describe('Python source with an `@flow` function.');
const Notes = Text.max(10_000);
const Description = Text.max(10_000);

export const workflowCreate = contract({
  name: 'workflow_create',
  service: 'registry',
  role: 'author',
  large: true,
  summary: 'Saves a source as a new workflow; its first version is current.',
  description: 'The source is parsed, never run. Faults come back with line and column in `data.issues`.',
  params: z.strictObject({
    name: Name,
    python_source: Source,
    description: Description.optional().describe('Default: what the entry flow declares.'),
    tags: Tags.optional().describe('Default: what the entry flow declares.'),
    notes: Notes.optional().describe('Notes of the first version.'),
  }),
  result: Workflow,
  errors: ['CONFLICT', 'SOURCE_INVALID', 'UNAVAILABLE'],
});

export const workflowGet = contract({
  name: 'workflow_get',
  service: 'registry',
  summary: 'One workflow, by sid or by name.',
  params: z
    .strictObject({ workflow_sid: Sid.optional(), name: Name.optional() })
    .refine((p) => (p.workflow_sid === undefined) !== (p.name === undefined), {
      message: 'give either workflow_sid or name',
      path: ['workflow_sid'],
    }),
  result: Workflow,
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const workflowList = contract({
  name: 'workflow_list',
  service: 'registry',
  summary: 'Lists workflows, the most recently changed first.',
  params: z.strictObject({ tag: Text.max(100).optional(), limit: Limit, cursor: Cursor.optional() }),
  result: paged(Workflow),
  idempotent: true,
});

export const workflowUpdate = contract({
  name: 'workflow_update',
  service: 'registry',
  role: 'author',
  summary: 'Changes name, description or tags of a workflow.',
  params: z.strictObject({
    workflow_sid: Sid,
    name: Name.optional(),
    description: Description.optional(),
    tags: Tags.optional(),
  }),
  result: Workflow,
  errors: ['NOT_FOUND', 'CONFLICT'],
  idempotent: true,
});

export const workflowDelete = contract({
  name: 'workflow_delete',
  service: 'registry',
  role: 'author',
  summary: 'Deletes a workflow with its versions and plays.',
  description: 'Refused with INVALID_STATE while a play of it is not final; `force` cancels those plays first.',
  params: z.strictObject({ workflow_sid: Sid, force: z.boolean().default(false) }),
  result: Ok,
  errors: ['NOT_FOUND', 'INVALID_STATE'],
});

export const workflowCreateVersion = contract({
  name: 'workflow_create_version',
  service: 'registry',
  role: 'author',
  large: true,
  summary: 'Saves a source as the next version of a workflow.',
  description: 'If the source is that of the current version, that version is returned and no new one is added.',
  params: z.strictObject({
    workflow_sid: Sid,
    python_source: Source,
    notes: Notes.default(''),
    set_current: z.boolean().default(true),
  }),
  result: WorkflowVersion,
  errors: ['NOT_FOUND', 'SOURCE_INVALID', 'UNAVAILABLE'],
});

export const workflowSetCurrentVersion = contract({
  name: 'workflow_set_current_version',
  service: 'registry',
  role: 'author',
  summary: 'Makes a version the current one, which new plays run. Existing plays keep their version.',
  params: z.strictObject({ workflow_sid: Sid, version_sid: Sid }),
  result: Workflow,
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const workflowVersionFetch = contract({
  name: 'workflow_version_fetch',
  service: 'registry',
  summary: 'One version with its source.',
  params: z.strictObject({ version_sid: Sid }),
  result: WorkflowVersion,
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const workflowVersionList = contract({
  name: 'workflow_version_list',
  service: 'registry',
  summary: 'Versions of a workflow, newest first.',
  params: z.strictObject({ workflow_sid: Sid, limit: Limit, cursor: Cursor.optional() }),
  result: paged(WorkflowVersion),
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const workflowInspect = contract({
  name: 'workflow_inspect',
  service: 'registry',
  large: true,
  summary: 'Reads the `@flow` declarations of a source by parsing, without saving or running it.',
  params: z.strictObject({ python_source: Source }),
  result: Inspection,
  errors: ['UNAVAILABLE'],
  idempotent: true,
});

/** A workflow with what only the search reads of its current version. */
export const IndexedWorkflow = Workflow.extend({
  docstring: z.string().describe('Docstring of the entry flow.'),
  steps: z.array(z.string()).describe('Names of the other flows of the source.'),
});
export type IndexedWorkflow = z.infer<typeof IndexedWorkflow>;

/** Inner: library-search reads this to build its index, and to catch up after it missed announcements. */
export const workflowRevisions = contract({
  name: 'workflow_revisions',
  service: 'registry',
  visibility: 'inner',
  summary: 'Workflows that changed after a revision, in order of revision; deleted ones are named.',
  params: z.strictObject({ after: z.int().min(0), limit: z.int().min(1).max(500).default(200) }),
  result: z.object({
    items: z.array(
      z.object({
        revision: z.int(),
        workflow_sid: Sid,
        workflow: IndexedWorkflow.nullable().describe('Null: deleted.'),
      }),
    ),
    revision: z.int().describe('The newest revision.'),
  }),
  idempotent: true,
});

/** Inner: how often the flows were played lately, for the ranking of the search. */
export const workflowUse = contract({
  name: 'workflow_use',
  service: 'registry',
  visibility: 'inner',
  summary: 'Of the latest ended plays: how many each workflow had, and how many of them succeeded.',
  params: z.strictObject({}),
  result: z.array(z.object({ workflow_sid: Sid, plays: z.int(), succeeded: z.int() })),
  idempotent: true,
});

export const LibraryHit = z.object({
  workflow_sid: Sid,
  version_sid: Sid,
  name: z.string(),
  description: z.string(),
  inputs: z.array(FlowField),
  outputs: z.array(FlowField),
  tags: z.array(z.string()),
  score: z.number(),
  matched: z.array(z.string()).describe('The fields in which words of the query were found.'),
  why: z
    .array(z.object({ field: z.string(), words: z.array(z.string()) }))
    .describe('Fields with the words that matched there; field `meaning`, without words: the meaning is close.'),
  weak: z.boolean().describe('Little of the query was found: this is probably not what was asked for.'),
  mode: SearchState.shape.mode,
  mode_reason: z.string().describe('Why the search has this mode.'),
});
export type LibraryHit = z.infer<typeof LibraryHit>;

export const flowLibrarySearch = contract({
  name: 'flow_library_search',
  service: 'library-search',
  summary: 'Searches the library, best match first. An empty query returns nothing.',
  description: 'Each hit says why it matched, and `weak` marks those that are probably not meant.',
  params: z.strictObject({
    query: Text.max(1000),
    limit: z.int().min(1).max(100).default(10),
    tags: z.array(Text.max(100)).max(50).optional().describe('Only workflows that have all of these tags.'),
  }),
  result: z.array(LibraryHit),
  idempotent: true,
});

/** Inner: the only call from the registry to an executor. The source is parsed in a sandboxed child process. */
export const inspectSource = contract({
  name: 'inspect_source',
  service: 'executor',
  visibility: 'inner',
  large: true,
  summary: 'Parses a source and returns its declarations and issues.',
  params: z.strictObject({ python_source: z.string() }),
  result: Inspection,
  idempotent: true,
});

export const ChangedWorkflow = z.object({ workflow_sid: Sid, revision: z.int(), deleted: z.boolean() });
/** Content of `hero.events.workflow.<sid>`. */
export type ChangedWorkflow = z.infer<typeof ChangedWorkflow>;
