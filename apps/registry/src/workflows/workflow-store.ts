/**
 * SQL of workflows and versions.
 *
 * 1. Every change takes the next revision from the one counter row, which stays locked until the commit: revisions are
 *    committed in order (see migration 0001).
 * 2. Locks are taken in the order workflow row, counter row, so that two changes cannot deadlock;
 *    no unique name is inserted or deleted before the counter is locked.
 */
import type { IndexedWorkflow, Inspection, Workflow, WorkflowVersion } from '@hero/contracts';
import { Database, named, type Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

const ISO = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

const WORKFLOW = `w.sid, w.name, w.description, w.tags, v.inputs, v.outputs, w.current_version_sid,
  v.number AS current_version_number, to_char(w.created_at, ${ISO}) AS created_at, to_char(w.updated_at, ${ISO}) AS updated_at`;
const WITH_CURRENT = 'workflows w JOIN versions v ON v.sid = w.current_version_sid';
const PACKAGES = `coalesce((SELECT json_agg(json_build_object('target', p.target, 'resolved', p.resolved,
    'resolved_at', to_char(p.resolved_at, ${ISO}), 'error', p.error) ORDER BY p.target)
  FROM version_packages p WHERE p.version_sid = v.sid), '[]')`;
const VERSION = `v.sid, v.workflow_sid, v.number, v.python_source, v.entry, v.inputs, v.outputs, v.requirements,
  ${PACKAGES} AS packages, v.source_sha256, v.notes, to_char(v.created_at, ${ISO}) AS created_at`;

/** A page ends before it exceeds this size, because a reply is held in memory. A single larger item has a page of its own. */
const PAGE_BYTES = 16 * 1024 * 1024;
const WORKFLOW_BYTES =
  'octet_length(v.inputs::text) + octet_length(v.outputs::text) + octet_length(v.flows::text) + octet_length(w.description)';
const counted = (order: string, bytes: string): string =>
  `sum(${bytes}) OVER (ORDER BY ${order}) AS bytes_so_far, row_number() OVER (ORDER BY ${order}) AS nth, count(*) OVER () AS total`;
const shown = (limit: string): string =>
  `page.nth <= ${limit} AND (page.bytes_so_far <= ${PAGE_BYTES} OR page.nth = 1)`;

export interface Listed<T> {
  position: number;
  more: boolean;
  item: T;
}

export interface RevisedWorkflow {
  revision: number;
  workflow_sid: string;
  workflow: IndexedWorkflow | null;
}

export interface NewVersion {
  sid: string;
  workflow_sid: string;
  python_source: string;
  source_sha256: string;
  notes: string;
  inspection: Inspection;
}

/** The fields of a version that a play needs; they never change. */
export interface VersionRecord {
  version_sid: string;
  version_number: number;
  workflow_sid: string;
  source: string;
  entry: string;
  inputs: WorkflowVersion['inputs'];
  options: Inspection['options'];
  flows: Inspection['flows'];
  requirements: string[];
}

@Injectable()
export class WorkflowStore {
  constructor(readonly database: Database) {}

  async bySid(sid: string, sql: Sql = this.database): Promise<Workflow | undefined> {
    const text = `SELECT ${WORKFLOW} FROM ${WITH_CURRENT} WHERE w.sid = $1`;
    const [workflow] = await sql.query<Workflow>('workflow_by_sid', text, [sid]);
    return workflow;
  }

  async byName(name: string, sql: Sql = this.database): Promise<Workflow | undefined> {
    const text = `SELECT ${WORKFLOW} FROM ${WITH_CURRENT} WHERE w.name = $1`;
    const [workflow] = await sql.query<Workflow>('workflow_by_name', text, [name]);
    return workflow;
  }

  /** Newest change first, below a revision. */
  async list(page: { tag: string | null; below: number | null; limit: number }): Promise<Listed<Workflow>[]> {
    const rows = await this.database.query<Workflow & { position: number; more: boolean }>(
      'workflow_list',
      `WITH page AS (
         SELECT sid, revision, ${counted('revision DESC', 'bytes')}
         FROM (SELECT w.sid, w.revision, ${WORKFLOW_BYTES} AS bytes FROM ${WITH_CURRENT}
                WHERE ($1::text IS NULL OR w.tags @> ARRAY[$1::text]) AND ($2::bigint IS NULL OR w.revision < $2::bigint)
                ORDER BY w.revision DESC LIMIT $3 + 1) sized)
       SELECT ${WORKFLOW}, page.revision::float8 AS position, page.nth < page.total AS more
         FROM page JOIN (${WITH_CURRENT}) ON w.sid = page.sid
        WHERE ${shown('$3')} ORDER BY page.revision DESC`,
      [page.tag, page.below, page.limit],
    );
    return rows.map(({ position, more, ...item }) => ({ position, more, item }));
  }

  /** One statement, so that everything is from one snapshot: the rows reach up to `newest`, or the page ends before it. */
  async revisions(after: number, limit: number): Promise<{ items: RevisedWorkflow[]; newest: number }> {
    const rows = await this.database.query<Partial<Workflow> & RevisedRow>(
      'workflow_revisions',
      `WITH changed AS (
         SELECT revision, sid AS workflow_sid, false AS deleted FROM workflows WHERE revision > $1
         UNION ALL SELECT revision, workflow_sid, true FROM workflow_tombstones WHERE revision > $1
         ORDER BY revision LIMIT $2
       ), sized AS (
         SELECT c.*, coalesce(${WORKFLOW_BYTES}, 0) AS bytes
           FROM changed c LEFT JOIN (${WITH_CURRENT}) ON w.sid = c.workflow_sid AND NOT c.deleted
       ), page AS (SELECT sized.*, ${counted('revision', 'bytes')} FROM sized)
       SELECT n.revision::float8 AS newest, page.revision::float8 AS revision, page.workflow_sid, page.deleted, ${WORKFLOW}, v.entry, v.flows
         FROM workflow_counter n LEFT JOIN page ON ${shown('$2')}
         LEFT JOIN (${WITH_CURRENT}) ON w.sid = page.workflow_sid AND NOT page.deleted
        ORDER BY page.revision`,
      [after, limit],
    );
    const items: RevisedWorkflow[] = [];
    let newestOfAll = 0;
    for (const { newest, revision, workflow_sid, deleted, entry, flows, ...workflow } of rows) {
      newestOfAll = newest;
      if (revision === null) continue;
      const indexed = (): IndexedWorkflow => ({ ...(workflow as Workflow), ...searchedOf(entry, flows) });
      items.push({ revision, workflow_sid, workflow: deleted ? null : indexed() });
    }
    return { items, newest: newestOfAll };
  }

  /** Counts the latest plays that ended, by workflow. Sids are in order of creation, so the primary key finds the latest. */
  async use(latest: number): Promise<{ workflow_sid: string; plays: number; succeeded: number }[]> {
    return await this.database.query(
      'workflow_use',
      `SELECT workflow_sid, count(*)::int AS plays, (count(*) FILTER (WHERE status = 'success'))::int AS succeeded
         FROM (SELECT workflow_sid, status FROM plays ORDER BY sid DESC LIMIT $1) latest
        WHERE status IN ('success', 'failed', 'timed_out') GROUP BY workflow_sid`,
      [latest],
    );
  }

  /** Locks a workflow for a change; plays of it may still start. */
  async lock(sql: Sql, sid: string): Promise<{ current_version_sid: string } | undefined> {
    const text = 'SELECT current_version_sid FROM workflows WHERE sid = $1 FOR NO KEY UPDATE';
    const [row] = await sql.query<{ current_version_sid: string }>('workflow_lock', text, [sid]);
    return row;
  }

  /** Locks a workflow for its deletion: the start of a play of it waits for the lock, and then finds no workflow. */
  async lockForDelete(sql: Sql, sid: string): Promise<{ name: string } | undefined> {
    const text = 'SELECT name FROM workflows WHERE sid = $1 FOR UPDATE';
    const [row] = await sql.query<{ name: string }>('workflow_lock_for_delete', text, [sid]);
    return row;
  }

  async nextRevision(sql: Sql): Promise<number> {
    const [row] = await sql.query<{ revision: number }>(
      'workflow_next_revision',
      'UPDATE workflow_counter SET revision = revision + 1 RETURNING revision::float8 AS revision',
    );
    if (!row) throw new Error('The table workflow_counter has no row.');
    return row.revision;
  }

  /** Inserts a workflow. Returns undefined, or the sid of the workflow that already has this name. */
  async insert(
    sql: Sql,
    workflow: Pick<Workflow, 'sid' | 'name' | 'description' | 'tags' | 'current_version_sid'>,
    revision: number,
  ): Promise<string | undefined> {
    const inserted = await sql.query(
      'workflow_insert',
      `INSERT INTO workflows (sid, name, description, tags, current_version_sid, revision)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING RETURNING sid`,
      [workflow.sid, workflow.name, workflow.description, workflow.tags, workflow.current_version_sid, revision],
    );
    return inserted.length > 0 ? undefined : this.ownerOf(sql, workflow.name);
  }

  /** The sid of the workflow with a name, in a new snapshot that includes concurrent commits. */
  async ownerOf(sql: Sql, name: string): Promise<string | undefined> {
    const text = 'SELECT sid FROM workflows WHERE name = $1';
    const [row] = await sql.query<{ sid: string }>('workflow_owner_of_name', text, [name]);
    return row?.sid;
  }

  async update(
    sql: Sql,
    words: Pick<Workflow, 'sid' | 'name' | 'description' | 'tags'>,
    revision: number,
  ): Promise<void> {
    await sql.query(
      'workflow_update',
      `UPDATE workflows SET name = $2, description = $3, tags = $4, revision = $5, updated_at = now() WHERE sid = $1`,
      [words.sid, words.name, words.description, words.tags, revision],
    );
  }

  async setCurrent(sql: Sql, sid: string, versionSid: string, revision: number): Promise<void> {
    await sql.query(
      'workflow_set_current',
      `UPDATE workflows SET current_version_sid = $2, revision = $3, updated_at = now() WHERE sid = $1`,
      [sid, versionSid, revision],
    );
  }

  async touch(sql: Sql, sid: string, revision: number): Promise<void> {
    await sql.query('workflow_touch', 'UPDATE workflows SET revision = $2, updated_at = now() WHERE sid = $1', [
      sid,
      revision,
    ]);
  }

  /** Deletes a workflow whose plays are deleted already; leaves the tombstone that followers read. */
  async remove(sql: Sql, sid: string, revision: number): Promise<void> {
    await sql.query('version_delete_all', 'DELETE FROM versions WHERE workflow_sid = $1', [sid]);
    await sql.query('workflow_delete', 'DELETE FROM workflows WHERE sid = $1', [sid]);
    await sql.query('workflow_tombstone', 'INSERT INTO workflow_tombstones (revision, workflow_sid) VALUES ($1, $2)', [
      revision,
      sid,
    ]);
  }

  /** Takes the next number of its workflow, whose row the caller has locked or just inserted. */
  async insertVersion(sql: Sql, version: NewVersion): Promise<void> {
    const { inspection } = version;
    await INSERT_VERSION(sql, {
      sid: version.sid,
      workflow_sid: version.workflow_sid,
      python_source: version.python_source,
      entry: inspection.entry,
      inputs: JSON.stringify(inspection.inputs),
      outputs: JSON.stringify(inspection.outputs),
      requirements: inspection.requirements,
      options: JSON.stringify(inspection.options),
      flows: JSON.stringify(inspection.flows),
      source_sha256: version.source_sha256,
      notes: version.notes,
    });
  }

  async version(sid: string, sql: Sql = this.database): Promise<WorkflowVersion | undefined> {
    const text = `SELECT ${VERSION} FROM versions v WHERE v.sid = $1`;
    const [version] = await sql.query<WorkflowVersion>('version_by_sid', text, [sid]);
    return version;
  }

  /** The current version, if its source has this hash. */
  async currentWithHash(workflowSid: string, sha256: string, sql: Sql = this.database): Promise<string | undefined> {
    const [row] = await sql.query<{ sid: string }>(
      'version_current_with_hash',
      `SELECT v.sid FROM ${WITH_CURRENT} WHERE w.sid = $1 AND v.source_sha256 = $2`,
      [workflowSid, sha256],
    );
    return row?.sid;
  }

  /** Newest first, below a number. */
  async versions(page: {
    workflow_sid: string;
    below: number | null;
    limit: number;
  }): Promise<Listed<WorkflowVersion>[]> {
    const rows = await this.database.query<WorkflowVersion & { more: boolean }>(
      'version_list',
      `WITH page AS (
         SELECT sid, number, ${counted('number DESC', 'bytes')}
         FROM (SELECT sid, number, octet_length(python_source) AS bytes FROM versions
                WHERE workflow_sid = $1 AND ($2::int IS NULL OR number < $2) ORDER BY number DESC LIMIT $3 + 1) sized)
       SELECT ${VERSION}, page.nth < page.total AS more FROM page JOIN versions v ON v.sid = page.sid
        WHERE ${shown('$3')} ORDER BY v.number DESC`,
      [page.workflow_sid, page.below, page.limit],
    );
    return rows.map(({ more, ...item }) => ({ position: item.number, more, item }));
  }

  /** The workflow and version of a new play, with their names; the version is the given one or the current one. */
  async pinned(ask: {
    workflow_sid?: string;
    workflow_name?: string;
    version_sid?: string;
  }): Promise<PinnedRow | undefined> {
    const [row] = await this.database.query<PinnedRow>(
      'version_pin',
      `SELECT w.sid AS workflow_sid, w.name AS workflow_name, w.current_version_sid, v.sid AS version_sid
         FROM workflows w LEFT JOIN versions v ON v.workflow_sid = w.sid AND v.sid = coalesce($3, w.current_version_sid)
        WHERE w.sid = $1 OR w.name = $2`,
      [ask.workflow_sid ?? null, ask.workflow_name ?? null, ask.version_sid ?? null],
    );
    return row;
  }

  async record(versionSid: string): Promise<VersionRecord | undefined> {
    const [row] = await this.database.query<VersionRecord>(
      'version_record',
      `SELECT sid AS version_sid, number AS version_number, workflow_sid, python_source AS source, entry, inputs, options, flows, requirements
         FROM versions WHERE sid = $1`,
      [versionSid],
    );
    return row;
  }
}

export interface PinnedRow {
  workflow_sid: string;
  workflow_name: string;
  current_version_sid: string;
  /** Null if the workflow has no such version. */
  version_sid: string | null;
}

interface RevisedRow {
  newest: number;
  revision: number | null;
  workflow_sid: string;
  deleted: boolean;
  entry: string;
  flows: Inspection['flows'];
}

/** Read here and not in SQL, which cannot take a NUL character out of a JSON string. */
function searchedOf(entry: string, flows: Inspection['flows']): Pick<IndexedWorkflow, 'docstring' | 'steps'> {
  const steps = flows.filter((flow) => flow.function !== entry).map(({ name }) => name);
  return { docstring: flows.find((flow) => flow.function === entry)?.docstring ?? '', steps: [...new Set(steps)] };
}

const INSERT_VERSION = named<object>(
  'version_insert',
  `INSERT INTO versions (sid, workflow_sid, number, python_source, entry, inputs, outputs, requirements, options, flows,
                         source_sha256, notes)
   SELECT :sid, :workflow_sid, coalesce(max(number), 0) + 1, :python_source, :entry, :inputs, :outputs, :requirements, :options,
          :flows, :source_sha256, :notes
   FROM versions WHERE workflow_sid = :workflow_sid`,
);
