/** How a span is written to a row of the table, and read from it. */
import type { Cell, CellType, CopyRows } from './copy.js';
import { isOpen, newDetail, type SpanDetail, type SpanState } from '@hero/spans';

/** The columns of a span's row with their types: written by COPY and by UPDATE, read by folding. */
const COLUMNS: readonly [name: string, type: CellType, of: (span: SpanState) => Cell][] = [
  ['play_sid', 'text', (s) => s.play_sid],
  ['id', 'text', (s) => s.id],
  ['parent_id', 'text', (s) => s.parent_id],
  ['name', 'text', (s) => s.name],
  ['kind', 'text', (s) => s.kind],
  ['status', 'text', (s) => s.status],
  ['attempt', 'integer', (s) => s.attempt],
  ['started_in', 'integer', (s) => s.started_in],
  ['ended_in', 'integer', (s) => s.ended_in],
  ['closed', 'boolean', (s) => s.closed],
  ['open', 'boolean', isOpen],
  ['first_seq', 'integer', (s) => s.first_seq],
  ['seq', 'integer', (s) => s.seq],
  ['started_at', 'text', (s) => s.started_at],
  ['ended_at', 'text', (s) => s.ended_at],
  ['duration_ms', 'double precision', (s) => s.duration_ms],
  ['cost_usd', 'double precision', (s) => s.cost_usd],
  ['log_lines', 'integer', (s) => s.log_lines],
  ['detail', 'text', (s) => JSON.stringify(s.detail)],
];

export const SPAN_COLUMNS = COLUMNS.map(([name]) => name);

export function writeSpan(rows: CopyRows, span: SpanState): void {
  rows.row();
  for (const [, type, of] of COLUMNS) rows.cell(type, of(span));
}

const changing = SPAN_COLUMNS.filter((name) => name !== 'play_sid' && name !== 'id' && name !== 'first_seq');

export const UPDATE_SPANS = `
  UPDATE spans s SET ${changing.map((name) => `${name} = v.${name}`).join(', ')}
  FROM unnest(${COLUMNS.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')}) AS v (${SPAN_COLUMNS.join(', ')})
  WHERE s.play_sid = v.play_sid AND s.id = v.id`;

/** One array for each column, as unnest wants them. */
export const columnsOf = (spans: readonly SpanState[]): Cell[][] => COLUMNS.map(([, , of]) => spans.map(of));

type SpanRow = Omit<SpanState, 'detail' | 'stored' | 'changed'> & { detail: string };

export function stateOf(row: SpanRow): SpanState {
  const detail = { ...newDetail(), ...(JSON.parse(row.detail) as Partial<SpanDetail>) };
  return { ...row, detail, stored: true, changed: false };
}
