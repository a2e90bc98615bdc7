/**
 * Invocations of other workflows by a running play: spawns a child, or resolves a source.
 *
 * 1. A spawn is fenced like a step commit (I2). One transaction inserts the child and the wait of its parent.
 * 2. The wait's id is derived from the place, so that a repeated request finds the existing child (I3, I8).
 * 3. An invalid spawn is refused with a code and all faults; the flow gets an error at the step and may catch it.
 */
import { HeroError, type Issue, type Params, type playResolve, type playSpawn, type Result } from '@hero/contracts';
import type { Sql } from '@hero/persistence';
import { failpoint, uuidv7 } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { Change } from '../outbox/changes.js';
import { ChildStore } from './child-store.js';
import { Checks } from '../schema-checks/checks.js';
import { fits, jsonTextFault } from '@hero/json';
import { Relay } from '../outbox/relay.js';
import { resumeIdOf } from '../life/ids.js';
import { RunStore } from '../runs/run-store.js';
import { DEEPEST, StartStore } from '../plays/start-store.js';
import { limitOf } from '../plays/starts.js';
import { type Pinned, Versions } from '../workflows/versions.js';

type Spawn = Params<typeof playSpawn>;
type Spawned = Result<typeof playSpawn>;

/** A child that can be inserted, once its input was checked. */
interface Child {
  version: Pinned;
  input: string;
  issues: Issue[];
}

@Injectable()
export class Spawns {
  constructor(
    private readonly runs: RunStore,
    private readonly children: ChildStore,
    private readonly starts: StartStore,
    private readonly versions: Versions,
    private readonly relay: Relay,
    private readonly checks: Checks,
  ) {}

  async spawn(p: Spawn): Promise<Spawned> {
    await failpoint('registry.spawn.before');
    const fault = jsonTextFault(p.input, 'input');
    if (fault !== undefined) return refused('INVALID_PARAMS', fault);
    if (!fits(p.input)) {
      return refused('PAYLOAD_TOO_LARGE', `The inputs of ${JSON.stringify(p.workflow_name)} have more than 16 MiB.`);
    }
    // Before the transaction, because a transaction that has locked the play's row must not wait for a second connection.
    const version = await this.pin(p);
    const checked = version instanceof HeroError ? version : await this.checked(p, version);
    const { result, told } = await this.runs.database.tx((sql) => this.commit(p, checked, sql));
    await failpoint('registry.spawn.after');
    if (told) this.relay.tell(told);
    return result;
  }

  async resolve({ workflow_name, version_sid, ...fence }: Params<typeof playResolve>) {
    if ((await this.runs.statusOf(fence)) !== 'running') {
      throw new HeroError(
        'INVALID_STATE',
        `Play ${fence.play_sid} is no longer owned by this executor; end its process.`,
      );
    }
    const found = await this.versions.pin({ workflow_name, version_sid: version_sid ?? undefined });
    const { workflow_sid, version_number, source, entry } = found;
    return { workflow_name, workflow_sid, version_sid: found.version_sid, version_number, source, entry };
  }

  private async checked(p: Spawn, version: Pinned): Promise<Child> {
    const task = { kind: 'input' as const, fields: version.inputs, input: p.input, prefills: null, keyed: null };
    const { input, issues } = await this.checks.check(p.play_sid, task);
    return { version, input, issues };
  }

  private async commit(p: Spawn, child: Child | HeroError, sql: Sql): Promise<{ result: Spawned; told?: Change }> {
    const held = await this.runs.hold(p, sql);
    if (!held || held.suspended) return { result: { result: 'fenced', child_play_sid: null } };
    const id = resumeIdOf(p.play_sid, p.place);
    const known = await this.children.childOf(id, sql);
    if (known !== undefined) return { result: { result: 'spawned', child_play_sid: known } };
    if ((await this.children.depthOf(p.play_sid, sql)) >= DEEPEST) {
      return { result: refused('TOO_DEEP', `A play spawned plays ${DEEPEST} deep: a flow probably spawns itself.`) };
    }
    if (child instanceof HeroError) return { result: refused(child.code, child.message) };
    const { version, input, issues } = child;
    if (issues.length > 0) {
      const faults = issues.map(({ path, message }) => `${path.replace(/^input_data\./, '')}: ${message}`);
      return { result: refused('INVALID_PARAMS', ['The inputs do not fit its declaration.', ...faults].join('\n')) };
    }
    const child_play_sid = uuidv7();
    const told = await this.starts.insert(
      {
        sid: child_play_sid,
        name: version.workflow_name,
        workflow_sid: version.workflow_sid,
        version_sid: version.version_sid,
        version_number: version.version_number,
        input,
        prefill_only: false,
        prefills: [],
        parent_play_sid: p.play_sid,
        parent_span_id: p.span_id,
        timeout_ms: limitOf(version),
        idempotency_key: null,
        params_sha256: '',
        remembered_name: null,
      },
      sql,
    );
    if (!told) return { result: refused('NOT_FOUND', `Workflow ${JSON.stringify(p.workflow_name)} was deleted.`) };
    const { play_sid, place, parent_place, span_id, workflow_name } = p;
    await this.children.record(
      { id, play_sid, place, parent_place, span_id, name: workflow_name, child_play_sid },
      sql,
    );
    return { result: { result: 'spawned', child_play_sid }, told };
  }

  private async pin({ workflow_name, version_sid }: Spawn): Promise<Pinned | HeroError> {
    try {
      return await this.versions.pin({ workflow_name, version_sid: version_sid ?? undefined });
    } catch (error) {
      if (error instanceof HeroError && error.code === 'NOT_FOUND') return error;
      throw error;
    }
  }
}

const refused = (code: string, message: string): Spawned => ({
  result: 'refused',
  child_play_sid: null,
  code,
  message,
});
