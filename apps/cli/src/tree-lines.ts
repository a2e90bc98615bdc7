import { styleText } from 'node:util';
import type { Span, SpanStatus } from '@hero/contracts';
import type { SpanTree, TreeRow } from '@hero/spans';

type Style = Parameters<typeof styleText>[0];

/** Each status has its own sign and word, so that colour is never the only difference. */
const LOOK: Record<SpanStatus, { sign: string; style: Style }> = {
  running: { sign: '●', style: 'cyan' },
  success: { sign: '✓', style: 'green' },
  failed: { sign: '✗', style: 'red' },
  replayed: { sign: '↻', style: 'gray' },
  paused: { sign: '⏸', style: 'yellow' },
  cancelled: { sign: '⊘', style: 'magenta' },
};

/** 0.4 ms, 12 ms, 3.2 s, 4 min 10 s */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Escapes control characters in users' text, so that none reaches the terminal. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ');

const short = (value: unknown, width: number): string => {
  const text = plain(typeof value === 'string' ? value : JSON.stringify(value));
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
};

export interface TreeOptions {
  colour: boolean;
  width: number;
  /** Number of log lines shown under each span. */
  logs: number;
}

/** The rows of a play, with the rows of each spawned play below the span that waits for it. */
export function rowsOf(playSid: string, trees: ReadonlyMap<string, SpanTree>, depth = 0): TreeRow[] {
  const rows = trees.get(playSid)?.rows() ?? [];
  return rows.flatMap((row) => {
    const own = { ...row, depth: row.depth + depth };
    const child = row.span.child_play_sid;
    return child === undefined ? [own] : [own, ...rowsOf(child, trees, own.depth + 1)];
  });
}

/** Draws the rows of a SpanTree, one string per line. */
export function treeLines(rows: readonly TreeRow[], options: TreeOptions): string[] {
  const paint = (style: Style, text: string): string =>
    options.colour ? styleText(style, text, { validateStream: false }) : text;
  const lines: string[] = [];
  const rails: string[] = [];
  rows.forEach((row, index) => {
    const { span, depth } = row;
    rails.length = Math.max(0, depth - 1);
    const lead = depth === 0 ? '' : `${rails.join('')}${row.last ? '└─ ' : '├─ '}`;
    if (depth > 0) rails.push(row.last ? '   ' : '│  ');
    const below = rows[index + 1] && (rows[index + 1] as TreeRow).depth > depth;
    lines.push(`${paint('dim', lead)}${label(span, paint)}`);
    const indent = `${rails.join('')}${below ? '│  ' : '   '}`;
    const shown = span.logs.slice(-options.logs);
    const hidden = span.logs.length - shown.length;
    if (hidden > 0 && shown.length > 0) lines.push(paint('dim', `${indent}  … ${hidden} more lines`));
    for (const log of shown)
      lines.push(paint('dim', `${indent}  ${short(log.text, options.width - indent.length - 2)}`));
    if (span.error && span.status === 'failed') {
      lines.push(
        `${paint('dim', indent)}  ${paint('red', short(`${span.error.type}: ${span.error.message}`, options.width - indent.length - 2))}`,
      );
    }
  });
  return lines;
}

function label(span: Span, paint: (style: Style, text: string) => string): string {
  const { sign, style } = LOOK[span.status];
  const name = span.kind === 'flow_root' ? paint('bold', plain(span.name)) : plain(span.name);
  const tags = Object.entries(span.tags).map(([key, value]) => `${plain(key)}=${short(value, 30)}`);
  const parts = [`${paint(style, sign)} ${span.status === 'replayed' ? paint('gray', plain(span.name)) : name}`];
  if (span.duration_ms !== null) parts.push(paint('dim', duration(span.duration_ms)));
  if (span.status !== 'success') parts.push(paint(style, span.status));
  if (span.cost_usd > 0) parts.push(paint('dim', `$${span.cost_usd.toFixed(4)}`));
  if (tags.length > 0) parts.push(paint('dim', tags.join(' ')));
  return parts.join('  ');
}
