/**
 * Workflows and their versions: named entries, immutable sources, one of them current.
 *
 * 1. An executor parses the source before anything is locked; a source with faults is not stored.
 * 2. Saving the source of the current version returns that version, so that loading a folder of flows at each start adds none.
 * 3. A change is announced after its commit. The announcement may be lost; followers notice the hole in the revisions.
 */
import { Bus } from '@hero/bus';
import {
  change,
  type ChangedWorkflow,
  HeroError,
  type Inspection,
  type Params,
  type Result,
  type Workflow,
  type workflowCreate,
  type workflowCreateVersion,
  type workflowGet,
  type workflowInspect,
  type workflowList,
  type workflowRevisions,
  type workflowSetCurrentVersion,
  type workflowUpdate,
  type workflowUse,
  type workflowVersionFetch,
  type workflowVersionList,
  type WorkflowVersion,
} from '@hero/contracts';
import { uuidv7 } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { page, positionOf } from '../sql/pages.js';
import { sha256, Sources } from './sources.js';
import { WorkflowStore } from './workflow-store.js';

/** The ranking of the search counts so many plays; they are read every few minutes by each library-search. */
const LATEST_PLAYS = 50_000;

@Injectable()
export class Workflows {
  constructor(
    private readonly store: WorkflowStore,
    private readonly sources: Sources,
    private readonly bus: Bus,
  ) {}

  async create(params: Params<typeof workflowCreate>): Promise<Workflow> {
    const { python_source, ...words } = params;
    // Checked before the executor is asked, because a taken name is the most likely fault. The check under the lock decides.
    refuseTaken(words.name, await this.store.ownerOf(this.store.database, words.name));
    const inspection = await this.sources.accept(python_source);
    const sid = uuidv7();
    const version_sid = uuidv7();
    const { workflow, revision } = await this.store.database.tx(async (sql) => {
      const revision = await this.store.nextRevision(sql);
      const { name, description = inspection.description, tags = inspection.tags } = words;
      const row = { sid, name, description, tags: [...new Set(tags)], current_version_sid: version_sid };
      refuseTaken(name, await this.store.insert(sql, row, revision));
      const version = { sid: version_sid, workflow_sid: sid, python_source, source_sha256: sha256(python_source) };
      await this.store.insertVersion(sql, { ...version, notes: params.notes ?? '', inspection });
      return { workflow: await this.store.bySid(sid, sql), revision };
    });
    this.announce({ workflow_sid: sid, revision, deleted: false });
    return found(workflow, sid);
  }

  async get(params: Params<typeof workflowGet>): Promise<Workflow> {
    const { workflow_sid, name = '' } = params;
    if (workflow_sid !== undefined) return found(await this.store.bySid(workflow_sid), workflow_sid);
    return found(await this.store.byName(name), `named ${JSON.stringify(name)}`);
  }

  async list(params: Params<typeof workflowList>): Promise<Result<typeof workflowList>> {
    const { tag = null, limit, cursor } = params;
    return page(await this.store.list({ tag, below: positionOf(cursor), limit }));
  }

  async update(params: Params<typeof workflowUpdate>): Promise<Workflow> {
    const { workflow_sid: sid } = params;
    const changed = await this.store.database.tx(async (sql) => {
      const locked = await this.store.lock(sql, sid);
      const before = found(locked && (await this.store.bySid(sid, sql)), sid);
      const { name = before.name, description = before.description, tags = before.tags } = params;
      const after = { name, description, tags: [...new Set(tags)] };
      if (same(before, after)) return { workflow: before };
      const revision = await this.store.nextRevision(sql);
      // Exact, because every transaction that takes or frees a name has locked the counter.
      const owner = await this.store.ownerOf(sql, name);
      if (owner !== sid) refuseTaken(name, owner);
      await this.store.update(sql, { ...before, ...after }, revision);
      return { workflow: found(await this.store.bySid(sid, sql), sid), revision };
    });
    if (changed.revision !== undefined) {
      this.announce({ workflow_sid: sid, revision: changed.revision, deleted: false });
    }
    return changed.workflow;
  }

  async createVersion(params: Params<typeof workflowCreateVersion>): Promise<WorkflowVersion> {
    const { workflow_sid, python_source, notes, set_current } = params;
    found(await this.store.bySid(workflow_sid), workflow_sid);
    const source_sha256 = sha256(python_source);
    const current = await this.store.currentWithHash(workflow_sid, source_sha256);
    if (current !== undefined) return foundVersion(await this.store.version(current), current);
    const inspection = await this.sources.accept(python_source);
    const sid = uuidv7();
    const saved = await this.store.database.tx(async (sql) => {
      found(await this.store.lock(sql, workflow_sid), workflow_sid);
      const since = await this.store.currentWithHash(workflow_sid, source_sha256, sql);
      if (since !== undefined) return { version: await this.store.version(since, sql) };
      await this.store.insertVersion(sql, { sid, workflow_sid, python_source, source_sha256, notes, inspection });
      const revision = await this.store.nextRevision(sql);
      if (set_current) await this.store.setCurrent(sql, workflow_sid, sid, revision);
      else await this.store.touch(sql, workflow_sid, revision);
      return { version: await this.store.version(sid, sql), revision };
    });
    if (saved.revision !== undefined) this.announce({ workflow_sid, revision: saved.revision, deleted: false });
    return foundVersion(saved.version, sid);
  }

  async setCurrentVersion(params: Params<typeof workflowSetCurrentVersion>): Promise<Workflow> {
    const { workflow_sid, version_sid } = params;
    const changed = await this.store.database.tx(async (sql) => {
      const locked = found(await this.store.lock(sql, workflow_sid), workflow_sid);
      const version = await this.store.version(version_sid, sql);
      if (version?.workflow_sid !== workflow_sid) {
        throw new HeroError(
          'NOT_FOUND',
          `Workflow ${workflow_sid} has no version ${version_sid}; workflow_version_list shows its versions.`,
        );
      }
      if (locked.current_version_sid === version_sid) return { workflow: await this.store.bySid(workflow_sid, sql) };
      const revision = await this.store.nextRevision(sql);
      await this.store.setCurrent(sql, workflow_sid, version_sid, revision);
      return { workflow: await this.store.bySid(workflow_sid, sql), revision };
    });
    if (changed.revision !== undefined) this.announce({ workflow_sid, revision: changed.revision, deleted: false });
    return found(changed.workflow, workflow_sid);
  }

  async fetchVersion(params: Params<typeof workflowVersionFetch>): Promise<WorkflowVersion> {
    return foundVersion(await this.store.version(params.version_sid), params.version_sid);
  }

  async listVersions(params: Params<typeof workflowVersionList>): Promise<Result<typeof workflowVersionList>> {
    const { workflow_sid, limit, cursor } = params;
    found(await this.store.bySid(workflow_sid), workflow_sid);
    return page(await this.store.versions({ workflow_sid, below: positionOf(cursor), limit }));
  }

  inspect(params: Params<typeof workflowInspect>): Promise<Inspection> {
    return this.sources.inspect(params.python_source);
  }

  async revisions(params: Params<typeof workflowRevisions>): Promise<Result<typeof workflowRevisions>> {
    const { items, newest } = await this.store.revisions(params.after, params.limit);
    return { items, revision: newest };
  }

  /** Cancelled plays say nothing about a flow; they are not counted. */
  use(): Promise<Result<typeof workflowUse>> {
    return this.store.use(LATEST_PLAYS);
  }

  /** Called after the commit, because a follower that gets the announcement reads the change. */
  announce(changed: ChangedWorkflow): void {
    this.bus.announce(change('workflow', changed.workflow_sid), changed);
  }
}

export function found<T>(value: T | undefined, which: string): T {
  if (value !== undefined) return value;
  throw new HeroError('NOT_FOUND', `There is no workflow ${which}; workflow_list shows the existing ones.`);
}

function foundVersion(version: WorkflowVersion | undefined, sid: string): WorkflowVersion {
  if (version) return version;
  throw new HeroError('NOT_FOUND', `There is no version ${sid}; workflow_version_list shows those of a workflow.`);
}

function refuseTaken(name: string, owner: string | undefined): void {
  if (owner === undefined) return;
  throw new HeroError(
    'CONFLICT',
    `Workflow ${owner} already has the name ${JSON.stringify(name)}; choose another name, or save a version of it with workflow_create_version.`,
    { details: { workflow_sid: owner } },
  );
}

type Words = Pick<Workflow, 'name' | 'description' | 'tags'>;
const same = (a: Words, b: Words): boolean =>
  a.name === b.name && a.description === b.description && a.tags.join('\0') === b.tags.join('\0');
