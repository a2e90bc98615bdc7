import type { JsonObject, SpanError, SpanKind, SpanStatus } from '@hero/contracts';

/**
 * Of a span, what no SQL looks into: stored as one JSON text. Every member is always there, so that all details share
 * one shape and are changed in place: spreading them anew cost a tenth of the ingest.
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

/** A node of the tree as it is stored, beside what folding needs to know of it. */
export interface SpanState {
  readonly play_sid: string;
  readonly id: string;
  parent_id: string | null;
  name: string;
  kind: SpanKind;
  status: SpanStatus;
  /** The newest attempt that reported something of it; shown. */
  attempt: number;
  /** The attempt whose start, tags and logs are shown; NEVER while no start is known. */
  started_in: number;
  /** The attempt whose end is shown; NEVER while it has not ended. */
  ended_in: number;
  /** The play did not report its end; it was concluded here, and a reported end replaces it. */
  closed: boolean;
  /** The event that made it; the order of siblings. */
  readonly first_seq: number;
  /** The newest event that changed it. */
  seq: number;
  started_at: string;
  ended_at: string | null;
  duration_ms: number | null;
  cost_usd: number;
  /** Log lines of `started_in` so far. */
  log_lines: number;
  detail: SpanDetail;
  /** It has a row: it is updated, not inserted. */
  readonly stored: boolean;
  changed: boolean;
}

/** A takeover, a pause and the end of the play concern the spans that run or wait. */
export const isOpen = (span: SpanState): boolean => span.status === 'running' || span.status === 'paused';

/** In place of an attempt: the start, or the end, is not known. */
export const NEVER = -1;

/** How many log lines are shown with a span. */
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

/** Shown for a span of which only the end is known: its start was dropped, or comes late. */
const UNKNOWN_NAME = '(unknown)';
