/**
 * Applies the numbered events of one play to the play and its tree. Pure: no SQL, no clock.
 *
 * P1 A higher attempt means that the processes of the attempts before it have ended: their open spans are closed as `cancelled`,
 *    until they start again. A start of theirs that arrives late is closed immediately.
 * P2 A pause (`paused`, or status `awaiting_resume`) makes running spans `paused`. They stay open.
 * P3 A final status closes all open spans. Spans that were running when a play failed or timed out become `failed`, all others
 *    `cancelled`. The root gets the status of the play.
 * P4 A play stays final until a status `pending` or a higher attempt reopens it (`play_retry`); only plays that failed or timed
 *    out can be reopened. A `pending` from before the end, or a final status of a lower attempt, is late and changes nothing.
 * P5 SPAN_LIMIT spans are stored. Starts beyond it are counted; their events are in the history only.
 */
import type { AnyEvent, PlayStatus, SpanStatus } from '@hero/contracts';
import { isFinal, PLAY_TRANSITIONS } from '@hero/contracts/play-status';
import { close, ended, started, tagged } from './span-fold.js';
import { isOpen, newSpan, type SpanState } from './state.js';

const SPAN_LIMIT = 100_000;

export interface PlayState {
  readonly sid: string;
  /** Number of the newest event. */
  seq: number;
  attempt: number;
  /** The final status, or null. */
  final: PlayStatus | null;
  final_at: string | null;
  /** Number of spans stored, number of starts beyond the limit (P5), and the last event that was counted. */
  spans: number;
  beyond: number;
  beyond_seq: number;
  root_id: string | null;
  readonly deleted: boolean;
}

export interface LogRow {
  play_sid: string;
  seq: number;
  span_id: string | null;
  attempt: number;
  at: string;
  text: string;
  stream: string;
  /** Its number among the lines of the span's run; null if it is in the history only. */
  nth: number | null;
}

export class PlayFold {
  readonly logs: LogRow[] = [];

  constructor(
    readonly play: PlayState,
    /** All known spans that the events name, and all open ones if `needsOpen` is true. */
    readonly spans: Map<string, SpanState>,
    private readonly limit = SPAN_LIMIT,
  ) {}

  /** True if the events may close spans that they do not name; the open spans must then be loaded first. */
  static needsOpen(play: PlayState, attempt: number, events: readonly AnyEvent[]): boolean {
    if (attempt > play.attempt) return play.spans > 0;
    return events.some(({ type }) => type === 'paused' || type === 'status');
  }

  /** Numbers the events and applies them. Returns the number of the first. */
  apply(attempt: number, events: readonly AnyEvent[]): number {
    const first = this.play.seq + 1;
    this.beginAttempt(attempt, events[0]?.at ?? '');
    for (const event of events) {
      this.play.seq++;
      this.applyOne(event, attempt);
    }
    return first;
  }

  private applyOne(event: AnyEvent, attempt: number): void {
    switch (event.type) {
      case 'span_started': {
        const span = this.span(event.span_id, event.at, true);
        if (!span) return;
        started(span, event, attempt);
        if (span.kind === 'flow_root') this.play.root_id ??= span.id;
        this.closeLate(span);
        return;
      }
      case 'span_ended': {
        const span = this.span(event.span_id, event.at);
        if (span) ended(span, event, attempt);
        return;
      }
      case 'span_tagged': {
        const span = this.spans.get(event.span_id);
        if (span && tagged(span, event, attempt)) this.touch(span);
        return;
      }
      case 'step_committed':
      case 'child_started': {
        const span = this.spans.get(event.span_id);
        if (!span) return;
        if (event.type === 'step_committed') span.detail.step_key = event.step_key;
        else span.detail.child_play_sid = event.child_play_sid;
        this.touch(span);
        return;
      }
      case 'log':
        return this.log(event, attempt);
      case 'paused':
        return this.pause(attempt);
      case 'status':
        return this.status(event.status, attempt, event.at);
      case 'attempt_started':
      case 'asked':
      case 'answered':
      case 'diverged':
      case 'dropped':
        return;
    }
  }

  private log(event: AnyEvent & { type: 'log' }, attempt: number): void {
    const span = event.span_id === null ? undefined : this.spans.get(event.span_id);
    const shown = span !== undefined && attempt >= span.started_in;
    if (shown) {
      span.log_lines++;
      this.touch(span);
    }
    this.logs.push({
      play_sid: this.play.sid,
      seq: this.play.seq,
      span_id: event.span_id,
      attempt,
      at: event.at,
      text: event.text,
      stream: event.stream ?? 'log',
      nth: shown ? span.log_lines : null,
    });
  }

  private span(id: string, at: string, starts = false): SpanState | undefined {
    let span = this.spans.get(id);
    if (!span) {
      if (this.play.spans >= this.limit) {
        // P5
        if (starts) {
          this.play.beyond++;
          this.play.beyond_seq = this.play.seq;
        }
        return undefined;
      }
      span = newSpan(this.play.sid, id, this.play.seq, at);
      this.spans.set(id, span);
      this.play.spans++;
    }
    this.touch(span);
    return span;
  }

  private touch(span: SpanState): void {
    span.seq = this.play.seq;
    span.changed = true;
  }

  /** P1, P3: a start that arrives after the end of its attempt. */
  private closeLate(span: SpanState): void {
    if (!isOpen(span)) return;
    const { final, final_at, attempt } = this.play;
    if (span.attempt < attempt) close(span, 'cancelled', span.started_at);
    else if (final !== null) close(span, this.endOf(span, final), final_at ?? span.started_at);
  }

  /** P1 */
  private beginAttempt(attempt: number, at: string): void {
    const { play } = this;
    if (attempt <= play.attempt) return;
    play.attempt = attempt;
    play.final = null;
    play.final_at = null;
    for (const span of this.spans.values()) {
      if (!isOpen(span) || span.status === 'paused' || span.attempt >= attempt) continue;
      close(span, 'cancelled', at);
      span.seq = play.seq + 1;
      span.changed = true;
    }
  }

  /** P2 */
  private pause(attempt: number): void {
    for (const span of this.spans.values()) {
      if (!isOpen(span) || span.status !== 'running' || span.attempt > attempt) continue;
      span.status = 'paused';
      this.touch(span);
    }
  }

  private status(status: string, attempt: number, at: string): void {
    const { play } = this;
    if (status === 'awaiting_resume') return this.pause(attempt);
    // P4. Attempt 0 means that the play never ran or that the sender does not know the attempt.
    const late = attempt > 0 && attempt < play.attempt;
    if (status === 'pending' && !late) return this.reopen(at);
    const final = status as PlayStatus;
    if (!isFinal(final) || late) return;
    play.final = final;
    play.final_at = at;
    for (const span of this.spans.values()) {
      if (!isOpen(span)) continue;
      close(span, this.endOf(span, final), at);
      this.touch(span);
    }
  }

  /** P4 */
  private reopen(at: string): void {
    const { play } = this;
    if (play.final === null || !PLAY_TRANSITIONS[play.final].includes('pending')) return;
    if (play.final_at !== null && Date.parse(at) < Date.parse(play.final_at)) return;
    play.final = null;
    play.final_at = null;
  }

  /** P3 */
  private endOf(span: SpanState, final: PlayStatus): SpanStatus {
    if (span.id === this.play.root_id && final === 'success') return 'success';
    const failed = final === 'failed' || final === 'timed_out';
    return failed && (span.status === 'running' || span.id === this.play.root_id) ? 'failed' : 'cancelled';
  }
}
