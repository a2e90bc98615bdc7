/** Makes the public form of plays: large values become references, and a page ends before it gets too large. */
import {
  isFinal,
  type JsonObject,
  type Play,
  type playList,
  RawJson,
  type Result,
  type ResumeRequest,
  stringify,
} from '@hero/contracts';
import { sidCursor } from '../sql/pages.js';
import type { PlayRow, ResumeRow } from './play-store.js';
import { ReplyBudget } from './large-values.js';

/** Size limit of a page, so that the reply stays below 1 MiB. */
export const PAGE_BYTES = 900 * 1024;

/** Ends the page before it gets too large; a single large play has a page of its own. */
export function pageOf(rows: (PlayRow & { more: boolean })[], resumes: ResumeRow[]): Result<typeof playList> {
  const items: Play[] = [];
  let bytes = 0;
  let next: string | null = null;
  for (const { more, ...row } of rows) {
    const item = stringify(playOf(row, resumes));
    bytes += Buffer.byteLength(item);
    if (items.length > 0 && bytes > PAGE_BYTES) break;
    items.push(new RawJson(item) as unknown as Play);
    next = more || items.length < rows.length ? sidCursor(row.sid) : null;
  }
  return { items, next_cursor: next };
}

export function playOf(row: PlayRow, resumes: ResumeRow[]): Play {
  const budget = new ReplyBudget();
  const own = resumes.filter(({ play_sid }) => play_sid === row.sid);
  const open = isFinal(row.status) ? [] : own.filter(({ resumed_at, withdrawn }) => resumed_at === null && !withdrawn);
  const received = own.filter(({ kind, outcome }) => kind === 'question' && outcome === 'answer');
  return {
    ...row,
    input_data: budget.value(row.input_data, 'input') as JsonObject,
    output_data: budget.value(row.output_data, 'output'),
    pending_resumes: open.filter(({ kind }) => kind === 'question').map((resume) => requestOf(resume, budget)),
    received_resumes: Object.fromEntries(
      received.map(({ id, payload }) => [id, budget.value(payload, `answer.${id}`)]),
    ),
    waits: open.flatMap(({ kind, name, asked_at_span_id, child_play_sid, expires_at }) =>
      kind === 'question' ? [] : [{ kind, name, span_id: asked_at_span_id, child_play_sid, due_at: expires_at }],
    ),
  };
}

/** A timeout without a default is remembered as an error, which belongs to the play's memory and is not shown as an answer. */
export function requestOf(row: ResumeRow, budget: ReplyBudget): ResumeRequest {
  const { id, play_sid, name, asked_at_span_id, asked_at, expires_at, resumed_at, resumed_by } = row;
  const schema = budget.value(row.schema, `schema.${id}`) as JsonObject | null;
  const ui = budget.value(row.ui, `ui.${id}`) as JsonObject | null;
  const payload = row.outcome === 'error' ? null : budget.value(row.payload, `answer.${id}`);
  return { id, play_sid, name, schema, ui, asked_at_span_id, asked_at, expires_at, payload, resumed_at, resumed_by };
}
