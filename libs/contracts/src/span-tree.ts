import type { PlayEvent, Span } from './spans.js';

/** A place in the drawn tree: depth 0 for roots, and whether it is the last of its siblings. */
export interface TreeRow {
  readonly span: Span;
  readonly depth: number;
  readonly last: boolean;
}

/**
 * The span tree of one play as a viewer holds it: a snapshot, then events in order of `seq`.
 *
 * T1 An event at or below `seq` has been seen and changes nothing, so a snapshot and a stream may overlap.
 * T2 A higher attempt wins; `replayed` changes only status and attempt, so a replayed span keeps its times.
 */
export class SpanTree {
  readonly spans = new Map<string, Span>();
  seq = 0;

  constructor(private readonly playSid: string) {}

  load(spans: readonly Span[], seq: number): void {
    for (const span of spans) this.spans.set(span.id, { ...span, logs: [...span.logs] });
    this.seq = seq;
  }

  /** Returns false for an event that was seen before. */
  apply(event: PlayEvent): boolean {
    if (event.seq <= this.seq) return false; // T1
    this.seq = event.seq;
    switch (event.type) {
      case 'span_started':
        this.spans.set(event.span_id, this.started(event));
        break;
      case 'span_ended': {
        const span = this.spans.get(event.span_id);
        if (!span || event.attempt < span.attempt) break;
        span.status = event.status;
        span.attempt = event.attempt;
        if (event.status === 'replayed') break; // T2
        span.ended_at = event.at;
        span.duration_ms = event.duration_ms;
        if (event.output !== undefined) span.output = event.output;
        if (event.output_omitted) span.output_omitted = true;
        if (event.error) span.error = { ...event.error };
        span.cost_usd += event.cost_usd ?? 0;
        span.usage = event.usage ?? span.usage;
        span.step_key = event.step_key ?? span.step_key;
        span.child_play_sid = event.child_play_sid ?? span.child_play_sid;
        break;
      }
      case 'span_tagged': {
        const span = this.spans.get(event.span_id);
        if (span) Object.assign(span.tags, event.tags);
        break;
      }
      case 'log':
        if (event.span_id) this.spans.get(event.span_id)?.logs.push({ at: event.at, text: event.text });
        break;
      case 'step_committed': {
        const span = this.spans.get(event.span_id);
        if (span) span.step_key = event.step_key;
        break;
      }
      case 'child_started': {
        const span = this.spans.get(event.span_id);
        if (span) span.child_play_sid = event.child_play_sid;
        break;
      }
      case 'attempt_started':
      case 'paused':
      case 'answered':
      case 'dropped':
      case 'diverged':
      case 'status':
        break;
    }
    return true;
  }

  /**
   * Depth first, siblings in the order in which they were first seen (a replayed span keeps its times, one that ran again does
   * not, so times would mix the attempts); a span whose parent is unknown is a root.
   */
  rows(): TreeRow[] {
    const children = new Map<string | null, Span[]>();
    for (const span of this.spans.values()) {
      const parent = span.parent_id !== null && this.spans.has(span.parent_id) ? span.parent_id : null;
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

  /** One level in reverse, as a stack wants it. */
  private level(spans: Span[] | undefined, depth: number): TreeRow[] {
    return (spans ?? []).map((span, i, all) => ({ span, depth, last: i === all.length - 1 })).reverse();
  }

  private started(event: PlayEvent & { type: 'span_started' }): Span {
    const known = this.spans.get(event.span_id);
    return {
      id: event.span_id,
      parent_id: event.parent_id,
      play_sid: this.playSid,
      name: event.name,
      kind: event.kind,
      status: 'running',
      attempt: event.attempt,
      started_at: known?.started_at ?? event.at,
      ended_at: null,
      duration_ms: null,
      tags: { ...event.tags },
      logs: [],
      error: null,
      source_file: event.source_file,
      source_line: event.source_line,
      cost_usd: known?.cost_usd ?? 0,
      usage: null,
      ...(known?.child_play_sid && { child_play_sid: known.child_play_sid }),
    };
  }
}
