/** Contracts of the methods of span-ingest: spans, events and their histories. */
import { z } from 'zod';
import { contract } from './contract.js';
import { HistoryState, Log, PlayEvent, Span, SpanId } from './spans.js';
import { JsonObject, Ok, Sid, Time } from './values.js';

const AfterSeq = z.int().min(0).default(0).describe('Only what changed after this number.');

export const playSpansMethod = contract({
  name: 'play_spans',
  service: 'span-ingest',
  summary: 'The span tree of a play, parents before children.',
  params: z.strictObject({
    play_sid: Sid,
    after_seq: AfterSeq,
    limit: z.int().min(1).max(100_000).default(100_000),
  }),
  result: z.object({
    spans: z.array(Span),
    seq: z.int().describe('The newest event that these spans reflect.'),
    state: HistoryState,
  }),
  errors: ['NOT_FOUND'],
  readsSpans: true,
  idempotent: true,
});

/** The end of a page of spans: the numbers of the last span's newest and first event. */
export const SpanCursor = z.strictObject({ seq: z.int().min(0), first_seq: z.int().min(0) });
export type SpanCursor = z.infer<typeof SpanCursor>;

/** Inner: the gateway's live views read a tree in pages. */
export const spanPage = contract({
  name: 'span_page',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'A bounded page of the spans of a play, in the order of their newest events.',
  description:
    'A span that changes while pages are read is sent again in a later page. So no page has to be read again, and after the last ' +
    'page the newest version of each span is its state at `seq`.',
  params: z.strictObject({
    play_sid: Sid,
    after: SpanCursor.default({ seq: 0, first_seq: 0 }),
    limit: z.int().min(1).max(10_000),
    max_bytes: z.int().min(1),
  }),
  result: z.object({
    spans: z.array(Span),
    next: SpanCursor.nullable().describe('Null: this is the last page.'),
    seq: z.int(),
    state: HistoryState,
  }),
  errors: ['NOT_FOUND'],
  idempotent: true,
});

export const playEvents = contract({
  name: 'play_events',
  service: 'span-ingest',
  summary: 'The numbered history of a play, oldest first.',
  params: z.strictObject({
    play_sid: Sid,
    after_seq: AfterSeq,
    limit: z.int().min(1).max(10_000).default(1_000),
    max_bytes: z
      .int()
      .min(1)
      .optional()
      .describe('Approximate limit of the bytes of events in a page; a page has at least one batch.'),
  }),
  result: z.object({ items: z.array(PlayEvent), seq: z.int() }),
  errors: ['NOT_FOUND'],
  readsSpans: true,
  idempotent: true,
});

export const spanPush = contract({
  name: 'span_push',
  service: 'span-ingest',
  role: 'runner',
  summary: 'Adds an event of an outside worker to a running play.',
  description:
    'A malformed event is refused with all its faults. The result is true once the event is stored, false if the play has ended.',
  params: z.strictObject({
    play_sid: Sid,
    event: JsonObject.describe('A PlayEvent without play_sid, seq and attempt.'),
  }),
  result: z.boolean(),
  errors: ['NOT_FOUND', 'INVALID_PARAMS'],
});

/** Inner: the gateway joins these into play_status. */
export const playLogs = contract({
  name: 'play_logs',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'Log lines of a play’s newest attempt, oldest first.',
  params: z.strictObject({ play_sid: Sid, limit: z.int().min(1).max(100_000).default(10_000) }),
  result: z.object({ logs: z.array(Log) }),
  idempotent: true,
});

/** The end of the history of an ended play: the last batch that its last attempt sent. */
export const EventsMark = z.object({ source: z.string(), batch: z.int().min(0) });
export type EventsMark = z.infer<typeof EventsMark>;

/** Inner: waits until span-ingest has stored the events of an ended play, at most `within_ms`. */
export const spansReached = contract({
  name: 'spans_reached',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'Waits for a limited time until a batch of a play has been stored.',
  params: z.strictObject({ play_sid: Sid, mark: EventsMark, within_ms: z.int().min(0).max(5_000).default(2_000) }),
  result: z.object({ reached: z.boolean() }),
  idempotent: true,
});

/** Inner: registry → span-ingest when a play is forked from a span. */
export const spanBegan = contract({
  name: 'span_began',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'When a span of a play began in its newest attempt, and which other spans are below, before and after it.',
  description: 'A span that is in none of the lists has not ended or is unknown.',
  params: z.strictObject({ play_sid: Sid, span_id: SpanId }),
  result: z.object({
    began_at: Time,
    below: z.array(z.string()).describe('Its descendants in the tree.'),
    before: z.array(z.string()).describe('Spans that had ended when it began, by the clock of the play.'),
    after: z.array(z.string()).describe('Spans that ended later and are not below it.'),
  }),
  errors: ['NOT_FOUND'],
  idempotent: true,
});

/** Inner: registry → span-ingest when a play is deleted. */
export const spansDelete = contract({
  name: 'spans_delete',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'Deletes spans, logs and events of plays.',
  params: z.strictObject({ play_sids: z.array(Sid).max(1000) }),
  result: Ok,
  idempotent: true,
});
