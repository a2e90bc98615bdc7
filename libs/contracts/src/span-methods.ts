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

/** Where a page of spans ends: the number of the span's newest event, and that of its first. */
export const SpanCursor = z.strictObject({ seq: z.int().min(0), first_seq: z.int().min(0) });
export type SpanCursor = z.infer<typeof SpanCursor>;

/** Inner: the gateway's live views read a tree in pages. */
export const spanPage = contract({
  name: 'span_page',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'A bounded page of the spans of a play, in the order of their newest events.',
  description:
    'A span that changes while pages are read comes again in a later page. So a page is right however old it is, and the newest ' +
    'version of each span is, after the last page, that of `seq`.',
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
      .describe('About how many bytes of events there are at most, but always one batch of them.'),
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
    'A malformed event is refused with every fault; true once the event is stored, false after the end of the play.',
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

/** Where the history of an ended play ends: the last batch that its last attempt sent. */
export const EventsMark = z.object({ source: z.string(), batch: z.int().min(0) });
export type EventsMark = z.infer<typeof EventsMark>;

/** Inner: waits until span-ingest has stored what an ended play sent, at most `within_ms`. */
export const spansReached = contract({
  name: 'spans_reached',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'Waits, bounded, until a batch of a play has been stored.',
  params: z.strictObject({ play_sid: Sid, mark: EventsMark, within_ms: z.int().min(0).max(5_000).default(2_000) }),
  result: z.object({ reached: z.boolean() }),
  idempotent: true,
});

/** Inner: registry → span-ingest when a play is forked from a span. */
export const spanBegan = contract({
  name: 'span_began',
  service: 'span-ingest',
  visibility: 'inner',
  summary: 'When a span of a play began, in its newest attempt, and where the other spans stand to it.',
  description: 'A span that is in none of the lists has no end, or was never heard of.',
  params: z.strictObject({ play_sid: Sid, span_id: SpanId }),
  result: z.object({
    began_at: Time,
    below: z.array(z.string()).describe('What stands below it in the tree, at any depth.'),
    before: z.array(z.string()).describe('What had ended when it began, by the clock of the play.'),
    after: z.array(z.string()).describe('What ended later, and does not stand below it.'),
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
