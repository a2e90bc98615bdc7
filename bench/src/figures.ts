/** One measured thing: a median with its spread, its unit, and what it is held against. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly p50: number;
  readonly p99?: number;
  readonly samples: number;
  /** The goal in the same unit; a bench never fails by it. */
  readonly target?: { readonly most?: number; readonly least?: number };
  readonly note?: string;
}

export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

export const median = (values: readonly number[]): number =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

export function spread(name: string, unit: string, values: readonly number[], more: Partial<Figure> = {}): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  return { name, unit, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), samples: values.length, ...more };
}

export const single = (name: string, unit: string, value: number, more: Partial<Figure> = {}): Figure => ({
  name,
  unit,
  p50: value,
  samples: 1,
  ...more,
});

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** A table for people: figure, median, p99, the goal and whether it was reached. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((f) => {
    const { most, least } = f.target ?? {};
    const goal = most !== undefined ? `≤ ${most}` : least !== undefined ? `≥ ${least}` : '';
    const reached = most !== undefined ? f.p50 <= most : least !== undefined ? f.p50 >= least : undefined;
    return [
      f.name,
      `${digits(f.p50)} ${f.unit}`,
      f.p99 === undefined ? '' : `p99 ${digits(f.p99)}`,
      goal,
      reached === undefined ? '' : reached ? '✓' : '✗',
      f.note ?? '',
    ];
  });
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
