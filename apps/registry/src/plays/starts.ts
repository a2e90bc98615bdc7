/**
 * play_start and play_run_async: a play is pinned to its version for life (I9) and accepted in one commit.
 *
 * 1. All faults of the call are found before anything is written, each with its path.
 * 2. One round trip to PostgreSQL: the version is pinned from memory, and the statement that inserts the play checks that it is still the
 *    current one. Where it is not, or is not known here, another round trip finds it first. With a key, one finds whether the key is known.
 * 3. The same key with the same parameters gives the same play, with others CONFLICT. What was asked counts, not what it
 *    led to: a current version that has moved on in between does not matter.
 */
import {
  HeroError,
  isFinal,
  type Issue,
  type JsonObject,
  type Params,
  type Play,
  type playRunAsync,
} from '@hero/contracts';
import { fits } from '@hero/json';
import { failpoint, uuidv7 } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import { Checks } from '../schema-checks/checks.js';
import { Plays } from './plays.js';
import { refuseTooMany } from './prefill-limits.js';
import { ReplyBudget } from './large-values.js';
import { Relay } from '../outbox/relay.js';
import { DEEPEST, type Hindrance, type NewPlay, StartStore } from './start-store.js';
import { type Pinned, Versions } from '../workflows/versions.js';

type Ask = Params<typeof playRunAsync>;

@Injectable()
export class Starts {
  constructor(
    private readonly store: StartStore,
    private readonly versions: Versions,
    private readonly plays: Plays,
    private readonly relay: Relay,
    private readonly checks: Checks,
  ) {}

  async start(ask: Ask): Promise<Play> {
    const started = await this.accept(ask);
    return started.fresh ?? this.plays.get(started.sid);
  }

  async runAsync(ask: Ask): Promise<string> {
    return (await this.accept(ask)).sid;
  }

  private async accept(ask: Ask): Promise<{ sid: string; fresh?: Play }> {
    const { input_data, prefill_resumes, idempotency_key: key = null, ...words } = ask;
    const values = { input: input_data.text, prefills: prefill_resumes?.text ?? null };
    const keyed = key === null ? null : { ...words, idempotency_key: key };
    const remembered = this.versions.remembered(ask);
    const [pinned, known] = await Promise.allSettled([
      remembered ?? this.versions.pin(ask),
      key === null ? null : this.store.byKey(key),
    ]);
    if (known.status === 'rejected') throw known.reason;
    if (known.value) {
      const { issues, params_sha256 } = await this.checks.check(key ?? '', {
        kind: 'input',
        fields: [],
        ...values,
        keyed,
      });
      // Against no declaration every field is unknown; what counts here is only whether it is the same call.
      if (params_sha256 === '') refuse(issues);
      return sameAs(known.value, params_sha256);
    }
    if (pinned.status === 'rejected') throw pinned.reason;
    const version = pinned.value;
    const task = { kind: 'input' as const, fields: version.inputs, ...values, keyed };
    const { issues, input, prefills, params_sha256 } = await this.checks.check(version.workflow_sid, task);
    // Another version may be current by now, and declare something else.
    if (issues.length > 0 && remembered) return this.again(ask);
    refuse(issues);
    refuseTooLarge(input);
    refuseTooMany(prefills);
    if (!prefills.every(({ payload }) => fits(payload))) throw tooLarge('A prefilled answer');
    const play: NewPlay = {
      sid: uuidv7(),
      name: ask.name ?? version.workflow_name,
      workflow_sid: version.workflow_sid,
      version_sid: version.version_sid,
      version_number: version.version_number,
      input,
      prefill_only: prefills.length > 0,
      prefills,
      parent_play_sid: ask.parent_play_sid ?? null,
      parent_span_id: ask.parent_span_id ?? null,
      timeout_ms: ask.timeout_ms ?? limitOf(version),
      idempotency_key: key,
      params_sha256,
      remembered_name: remembered?.workflow_name ?? null,
    };
    await failpoint('registry.start.before');
    const change = await this.store.insert(play);
    if (!change) return remembered ? this.again(ask) : this.hindered(play);
    await failpoint('registry.start.after');
    this.relay.tell(change);
    return { sid: play.sid, fresh: newPlay(play, version, change.at) };
  }

  /** Rule 2: what was remembered may not hold any more. */
  private again(ask: Ask): Promise<{ sid: string; fresh?: Play }> {
    this.versions.forget(ask);
    return this.accept(ask);
  }

  /** A concurrent transaction won: a start with the same key, the deletion of the workflow, or the end of the parent. */
  private async hindered(play: NewPlay): Promise<{ sid: string }> {
    const { known, parent, workflow } = await this.store.hindrance(play);
    if (known) return sameAs(known, play.params_sha256);
    if (!workflow) throw new HeroError('NOT_FOUND', `Workflow ${play.workflow_sid} was deleted.`);
    const message = play.parent_play_sid === null ? undefined : parentFault(parent);
    if (message !== undefined) refuse([{ path: 'parent_play_sid', message }]);
    throw new HeroError('UNAVAILABLE', 'The play could not be inserted; start it again.');
  }
}

function parentFault(parent: Hindrance['parent']): string | undefined {
  if (parent === null) return 'there is no such play';
  if (isFinal(parent.status)) return `is ${parent.status}: it can have no child any more`;
  return parent.depth >= DEEPEST ? `is ${DEEPEST} plays deep: something starts itself` : undefined;
}

export function refuseTooLarge(input: string): void {
  if (fits(input)) return;
  throw tooLarge('The input');
}

const tooLarge = (what: string): HeroError =>
  new HeroError('PAYLOAD_TOO_LARGE', `${what} has more than 16 MiB; put large data into a file, and pass its name.`);

/** The play's own time limit, as its entry flow declares it. */
export function limitOf({ options }: Pick<Pinned, 'options'>): number | null {
  const { timeout_ms } = options;
  return typeof timeout_ms === 'number' && timeout_ms >= 1 ? timeout_ms : null;
}

export function refuse(issues: Issue[]): void {
  if (issues.length === 0) return;
  throw new HeroError('INVALID_PARAMS', 'The play was not started: its parameters do not fit; see issues.', { issues });
}

function sameAs(known: { play_sid: string; params_sha256: string }, sha256: string): { sid: string } {
  if (known.params_sha256 === sha256) return { sid: known.play_sid };
  throw new HeroError(
    'CONFLICT',
    `Play ${known.play_sid} was started with this idempotency_key and other parameters; use another key.`,
    { details: { play_sid: known.play_sid } },
  );
}

const inputOf = (text: string): JsonObject =>
  new ReplyBudget().value({ text, bytes: Buffer.byteLength(text) }, 'input') as JsonObject;

function newPlay(play: NewPlay, version: Pinned, created_at: string): Play {
  return {
    sid: play.sid,
    name: play.name,
    workflow_sid: play.workflow_sid,
    workflow_name: version.workflow_name,
    version_sid: play.version_sid,
    version_number: play.version_number,
    current_version_sid: version.current_version_sid,
    status: 'pending',
    input_data: inputOf(play.input),
    output_data: null,
    error: null,
    pending_resumes: [],
    received_resumes: {},
    prefill_only: play.prefill_only,
    total_cost_usd: 0,
    waits: [],
    forked_from: null,
    attempt: 0,
    diverged: null,
    parent_play_sid: play.parent_play_sid,
    parent_span_id: play.parent_span_id,
    sandbox: null,
    created_at,
    started_at: null,
    completed_at: null,
    duration_ms: null,
  };
}
