import type { HistoryState, PlayEvent, PlayStatus, Span } from '@hero/contracts';
import { PlayFold, type PlayState } from './play-fold.js';
import { NEVER, newDetail, SHOWN_LINES, type SpanState } from './state.js';

/** The reply of `play_spans`: all spans as they are after the event `seq`. */
export interface Snapshot {
  readonly spans: readonly Span[];
  readonly seq: number;
  readonly state: HistoryState;
}

/** A row of the tree: a span, its depth (0 for roots), and whether it is the last of its siblings. */
export interface TreeRow {
  readonly span: Span;
  readonly depth: number;
  readonly last: boolean;
}

/**
 * The span tree of one play in a viewer: a snapshot, then events in order of `seq`. The same fold applies events here
 * and in the store (S1–S5, P1–P5), and a snapshot has everything that the fold needs, so a live tree always equals a reloaded one.
 *
 * T1 An event at or below `seq` is already in the tree and changes nothing, so a snapshot and a stream may overlap.
 */
export class SpanTree {
  private readonly logs = new Map<string, Span['logs']>();
  private fold: PlayFold;

  constructor(private readonly playSid: string) {
    this.fold = new PlayFold(newPlay(playSid), new Map());
  }

  /** Number of the newest event in the tree. */
  get seq(): number {
    return this.fold.play.seq;
  }

  load({ spans, seq, state }: Snapshot): void {
    const play = { ...newPlay(this.playSid), seq, ...state, final: state.final as PlayStatus | null };
    play.spans = spans.length;
    play.root_id = spans.find(({ kind }) => kind === 'flow_root')?.id ?? null;
    this.fold = new PlayFold(play, new Map(spans.map((span) => [span.id, stateOf(span)])));
    this.logs.clear();
    for (const { id, logs } of spans) if (logs.length > 0) this.logs.set(id, [...logs]);
  }

  /** S1: log lines of runs older than the one that is shown. A line may arrive before the start of its run. */
  private forgetLines(spanId: string): void {
    const shown = this.fold.spans.get(spanId)?.started_in ?? NEVER;
    const lines = this.logs.get(spanId)?.filter(({ attempt }) => attempt >= shown);
    if (lines) this.logs.set(spanId, lines);
  }

  snapshot(): Snapshot {
    const { attempt, final, final_at } = this.fold.play;
    return { spans: this.spans(), seq: this.seq, state: { attempt, final, final_at } };
  }

  /** Returns false for an event that is already in the tree. */
  apply(event: PlayEvent): boolean {
    const { fold, logs } = this;
    if (event.seq <= fold.play.seq) return false; // T1
    fold.play.seq = event.seq - 1;
    fold.apply(event.attempt, [event]);
    if (event.type === 'span_started') this.forgetLines(event.span_id);
    for (const { span_id, nth, at, text, attempt } of fold.logs.splice(0)) {
      if (span_id === null || nth === null || nth > SHOWN_LINES) continue;
      const lines = logs.get(span_id);
      if (lines) lines.push({ at, text, attempt });
      else logs.set(span_id, [{ at, text, attempt }]);
    }
    return true;
  }

  /** The spans, in the order in which they were first reported. */
  spans(): Span[] {
    const states = [...this.fold.spans.values()].sort((a, b) => a.first_seq - b.first_seq);
    return states.map((state) => spanOf(state, this.logs.get(state.id) ?? []));
  }

  /**
   * Rows depth first. Siblings are in the order in which they were first reported, not by time: a replayed span keeps its times and
   * one that ran again does not, so times would mix the attempts. A span whose parent is unknown is a root.
   */
  rows(): TreeRow[] {
    const children = new Map<string | null, Span[]>();
    for (const span of this.spans()) {
      const parent = span.parent_id !== null && this.fold.spans.has(span.parent_id) ? span.parent_id : null;
      const siblings = children.get(parent);
      if (siblings) siblings.push(span);
      else children.set(parent, [span]);
    }
    const rows: TreeRow[] = [];
    const open: TreeRow[] = this.level(children.get(null), 0);
    for (let row = open.pop(); row; row = open.pop()) {
      rows.push(row);
      open.push(...this.level(children.get(row.span.id), row.depth + 1));
    }
    return rows;
  }

  /** One level in reverse order, to be pushed on the stack. */
  private level(spans: Span[] | undefined, depth: number): TreeRow[] {
    return (spans ?? []).map((span, i, all) => ({ span, depth, last: i === all.length - 1 })).reverse();
  }
}

const newPlay = (sid: string): PlayState => ({
  sid,
  seq: 0,
  attempt: 0,
  final: null,
  final_at: null,
  spans: 0,
  beyond: 0,
  beyond_seq: 0,
  root_id: null,
  deleted: false,
});

function stateOf(span: Span): SpanState {
  const { logs, tags, error, usage, source_file, source_line, step_key, child_play_sid, output, ...shown } = span;
  return {
    ...shown,
    started_in: span.started_in ?? NEVER,
    ended_in: span.ended_in ?? NEVER,
    seq: span.first_seq,
    log_lines: logs.length,
    detail: {
      ...newDetail(),
      tags: { ...tags },
      source_file,
      source_line,
      error: error ?? undefined,
      usage: usage ?? undefined,
      step_key,
      child_play_sid,
      output,
      output_omitted: span.output_omitted,
    },
    stored: true,
    changed: false,
  };
}

/** The public form of a stored span. */
export function spanOf(state: ShownSpan, logs: Span['logs']): Span {
  const { error, usage, step_key, child_play_sid, output, output_omitted, ...detail } = state.detail;
  return {
    id: state.id,
    parent_id: state.parent_id,
    play_sid: state.play_sid,
    name: state.name,
    kind: state.kind,
    status: state.status,
    attempt: state.attempt,
    first_seq: state.first_seq,
    started_in: state.started_in === NEVER ? null : state.started_in,
    ended_in: state.ended_in === NEVER ? null : state.ended_in,
    closed: state.closed,
    started_at: state.started_at,
    ended_at: state.ended_at,
    duration_ms: state.duration_ms,
    tags: detail.tags,
    logs,
    error: error ?? null,
    source_file: detail.source_file,
    source_line: detail.source_line,
    cost_usd: state.cost_usd,
    usage: usage ?? null,
    ...(step_key !== undefined && { step_key }),
    ...(child_play_sid !== undefined && { child_play_sid }),
    ...(output !== undefined && { output }),
    ...(output_omitted && { output_omitted }),
  };
}

export type ShownSpan = Pick<
  SpanState,
  | 'id'
  | 'parent_id'
  | 'play_sid'
  | 'name'
  | 'kind'
  | 'status'
  | 'attempt'
  | 'first_seq'
  | 'started_in'
  | 'ended_in'
  | 'closed'
  | 'started_at'
  | 'ended_at'
  | 'duration_ms'
  | 'cost_usd'
  | 'detail'
>;
