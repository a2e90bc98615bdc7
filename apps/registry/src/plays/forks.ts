/**
 * play_fork: a new play that inherits what another play had committed before a step began.
 *
 * 1. The fork leaves out everything that was committed after the span began, and the step itself with everything below it.
 *    span-ingest knows when spans began and ended and which are below it; for spans that it does not know, the time of the commit counts.
 * 2. New keys are computed from the places, for the new play and version (I3, I4).
 * 3. On another version an outcome is kept only if the source of its function is unchanged. Outcomes without a function in the
 *    source (a value of the runtime, or a sub-flow, which keeps its own version) are always kept.
 * 4. One transaction reads one state of the other play, which may be running.
 */
import { createHash } from 'node:crypto';
import { type Forked, HeroError, type Params, type Play, type playFork, spanBegan } from '@hero/contracts';
import { Bus } from '@hero/bus';
import { Database, type Sql } from '@hero/persistence';
import { uuidv7 } from '@hero/service-kit';
import { Injectable } from '@nestjs/common';
import type { Change } from '../outbox/changes.js';
import { type Committed, type ForkSource, ForkStore, type Rekeyed } from './fork-store.js';
import { Checks } from '../schema-checks/checks.js';
import { noPlay, Plays } from './plays.js';
import { Relay } from '../outbox/relay.js';
import { resumeIdOf, ROOT_PLACE, spanIdOf } from '../life/ids.js';
import { StartStore } from './start-store.js';
import { limitOf, refuse, refuseTooLarge } from './starts.js';
import { type Pinned, Versions } from '../workflows/versions.js';

const SHOWN = 200;

/** The cut in the other play; `span` is null if everything is inherited. */
interface Cut {
  span: string | null;
  at: string | null;
  nothing: boolean;
  /** Spans relative to the cut, by the tree and the clock of the play. */
  below: Set<string>;
  before: Set<string>;
  after: Set<string>;
}

@Injectable()
export class Forks {
  constructor(
    private readonly database: Database,
    private readonly store: ForkStore,
    private readonly starts: StartStore,
    private readonly versions: Versions,
    private readonly plays: Plays,
    private readonly relay: Relay,
    private readonly bus: Bus,
    private readonly checks: Checks,
  ) {}

  async fork(p: Params<typeof playFork>): Promise<Play> {
    const source = await this.store.source(p.play_sid, this.database);
    if (!source) throw noPlay(p.play_sid);
    const version = await this.versions.pin({
      workflow_sid: source.workflow_sid,
      version_sid: p.version_sid ?? source.version_sid,
    });
    const given = { input: p.input_data?.text ?? source.input, prefills: null, keyed: null };
    const task = { kind: 'input' as const, fields: version.inputs, ...given };
    const { input, issues } = await this.checks.check(source.sid, task);
    refuse(issues);
    refuseTooLarge(input);
    const cut = await this.cut(p);
    const sid = uuidv7();
    const told = await this.database.tx((sql) => this.commit(sid, source, version, input, cut, sql));
    this.relay.tell(told);
    return this.plays.get(sid);
  }

  private async cut({ play_sid, from_span_id }: Params<typeof playFork>): Promise<Cut> {
    const none = { span: from_span_id ?? null, at: null, below: new Set(''), before: new Set(''), after: new Set('') };
    if (from_span_id === undefined) return { ...none, nothing: false };
    if (from_span_id === spanIdOf(play_sid, ROOT_PLACE)) return { ...none, nothing: true };
    const { began_at, below, before, after } = await this.bus.ask(spanBegan, { play_sid, span_id: from_span_id });
    const spans = { below: new Set([from_span_id, ...below]), before: new Set(before), after: new Set(after) };
    return { span: from_span_id, at: began_at, nothing: false, ...spans };
  }

  private async commit(
    sid: string,
    source: ForkSource,
    version: Pinned,
    input: string,
    cut: Cut,
    sql: Sql,
  ): Promise<Change> {
    await sql.query('fork_snapshot', 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', []);
    const told = await this.starts.insert(newPlay(sid, source, version, input), sql);
    if (!told) throw new HeroError('NOT_FOUND', `Workflow ${source.workflow_sid} was deleted.`);
    const [steps, answers] = await Promise.all([
      this.store.steps(source.sid, cut.at, sql),
      this.store.answers(source.sid, cut.at, sql),
    ]);
    const remembered = [...steps, ...answers].sort(byOrder);
    const judge = judgeOf(remembered, source, version, cut);
    const judged = remembered.map((item, ordinal): Judged => ({ ...item, ordinal, reason: judge(item) }));
    const isStep = new Set(steps.map(({ key }) => key));
    const kept = (of: 'steps' | 'answers', key: (place: string) => string): Rekeyed[] =>
      judged
        .filter((item) => item.reason === undefined && isStep.has(item.key) === (of === 'steps'))
        .map(({ key: old, place, ordinal }) => ({ old, key: key(place), span_id: spanIdOf(sid, place), ordinal }));
    const keptSteps = kept('steps', (place) => stepKeyOf(version.version_sid, place));
    const keptAnswers = kept('answers', (place) => resumeIdOf(sid, place));
    await this.store.takeSteps(source.sid, sid, keptSteps, sql);
    await this.store.takeAnswers(sid, keptAnswers, sql);
    await this.store.takePrefills(source.sid, sid, keptAnswers, sql);
    const left = judged.filter(({ reason }) => reason !== undefined).length;
    const forked: Forked = {
      play_sid: source.sid,
      span_id: cut.span,
      version_sid: source.version_sid,
      kept: judged.length - left,
      left,
      steps: judged.slice(0, SHOWN).map(({ name, reason }) => ({
        name,
        kept: reason === undefined,
        reason: reason ?? 'it was committed before',
      })),
    };
    await this.store.note(sid, forked, source.prefill_only, sql);
    return told;
  }
}

/** Sorts by the order of memory; items that were not taken yet are last, as the next claim would take them. */
function byOrder(a: Committed, b: Committed): number {
  const difference = (x: number | null, y: number | null): number =>
    x === y ? 0 : x === null ? 1 : y === null ? -1 : x - y;
  return difference(a.epoch, b.epoch) || difference(a.group_no, b.group_no) || difference(a.ordinal, b.ordinal);
}

interface Judged extends Committed {
  /** In the memory of the new play. */
  ordinal: number;
  /** Why an item is left out; undefined if it is kept. */
  reason: string | undefined;
}

function judgeOf(
  all: Committed[],
  source: ForkSource,
  version: Pinned,
  cut: Cut,
): (item: Committed) => string | undefined {
  const items = new Map(all.map((item) => [item.place, item]));
  // The tree has this too, but events may be lost (I10).
  const isBelow = (item: Committed): boolean => {
    let at: Committed | undefined = item;
    for (let steps = 0; at && steps <= all.length; at = items.get(at.parent_place), steps++) {
      if (cut.below.has(at.span_id)) return true;
    }
    return false;
  };
  /** For a step that has only begun, the time of its commit counts; for all others the end by the play's clock. */
  const isBefore = ({ kind, span_id, before }: Committed): boolean => {
    if (kind !== 'begun' && cut.before.has(span_id)) return true;
    return before && (kind === 'begun' || !cut.after.has(span_id));
  };
  const moved = version.version_sid !== source.version_sid;
  const sources = new Set(version.flows.map(({ source_sha256 }) => source_sha256));
  const isChanged = (item: Committed | undefined): boolean =>
    moved && item !== undefined && item.function_sha256 !== '' && !sources.has(item.function_sha256);
  return (item) => {
    if (cut.nothing) return 'the new play starts afresh';
    if (isBelow(item)) return 'it is the step that runs again, or is below it';
    if (!isBefore(item)) return 'it was committed after the step began';
    if (isChanged(item)) return 'the source of its function differs in this version';
    // Otherwise an answer that was given for the old step would decide about a later crash of the new one.
    const decides = item.role === 'decision';
    if (decides && isChanged(items.get(item.parent_place))) return 'it decided about a step that runs again';
    return undefined;
  };
}

const hash = (algorithm: 'sha1' | 'sha256', text: string): string => createHash(algorithm).update(text).digest('hex');
const stepKeyOf = (versionSid: string, place: string): string => hash('sha1', `${versionSid}|${place}`);

const newPlay = (sid: string, source: ForkSource, version: Pinned, input: string) => ({
  sid,
  name: source.name,
  workflow_sid: source.workflow_sid,
  version_sid: version.version_sid,
  version_number: version.version_number,
  input,
  prefill_only: source.prefill_only,
  prefills: [],
  parent_play_sid: null,
  parent_span_id: null,
  timeout_ms: source.timeout_ms ?? limitOf(version),
  idempotency_key: null,
  params_sha256: '',
  remembered_name: null,
});
