import type { JsonObject, SpanError, SpanKind, SpanStatus } from '@hero/contracts';

/**
 * The fields of a span that no SQL reads, stored as one JSON text. Every member is always present and objects are changed in place,
 * so that all details have the same hidden class; copying them by spread took a tenth of the ingest time.
 */
export interface SpanDetail {
  tags: JsonObject;
  source_file: string | null;
  source_line: number | null;
  error: SpanError | undefined;
  usage: JsonObject | undefined;
  step_key: string | undefined;
  child_play_sid: string | undefined;
  output: JsonObject[string] | undefined;
  output_omitted: true | undefined;
}

export const newDetail = (): SpanDetail => ({
  tags: {},
  source_file: null,
  source_line: null,
  error: undefined,
  usage: undefined,
  step_key: undefined,
  child_play_sid: undefined,
  output: undefined,
  output_omitted: undefined,
});

/** A stored node of the tree, with the state that folding needs. */
export interface SpanState {
  readonly play_sid: string;
  readonly id: string;
  parent_id: string | null;
  name: string;
  kind: SpanKind;
  status: SpanStatus;
  /** The newest attempt that reported this span; shown. */
  attempt: number;
  /** The attempt whose start, tags and logs are shown; NEVER if no start is known. */
  started_in: number;
  /** The attempt whose end is shown; NEVER if the span has not ended. */
  ended_in: number;
  /** The play did not report the end; the fold concluded it, and a reported end replaces it. */
  closed: boolean;
  /** The event that created the node; siblings are in this order. */
  readonly first_seq: number;
  /** The newest event that changed the node. */
  seq: number;
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  cost_usd: number;
  /** Number of log lines of `started_in` so far. */
  log_lines: number;
  detail: SpanDetail;
  /** Whether it has a row in the database, to be updated instead of inserted. */
  readonly stored: boolean;
  changed: boolean;
}

/** Whether a span runs or waits, so that a takeover, a pause or the end of the play changes it. */
export const isOpen = (span: SpanState): boolean => span.status === 'running' || span.status === 'paused';

/** Stands for an attempt where the start or the end is not known. */
export const NEVER = -1;

/** Number of log lines that are shown with a span. */
export const SHOWN_LINES = 200;

export function newSpan(playSid: string, id: string, seq: number, at: string): SpanState {
  return {
    play_sid: playSid,
    id,
    parent_id: null,
    name: UNKNOWN_NAME,
    kind: 'other',
    status: 'running',
    attempt: NEVER,
    started_in: NEVER,
    ended_in: NEVER,
    closed: false,
    first_seq: seq,
    seq,
    started_at: at,
    ended_at: null,
    duration_ms: null,
    cost_usd: 0,
    log_lines: 0,
    detail: newDetail(),
    stored: false,
    changed: true,
  };
}

/** Name of a span of which only the end is known, because its start was dropped or is late. */
const UNKNOWN_NAME = '(unknown)';
