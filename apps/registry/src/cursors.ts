import { HeroError } from '@hero/contracts';

/** A cursor names the last row that was seen, by a number that rises: what is inserted later moves nothing. */
export const cursorAfter = (position: number): string => Buffer.from(`n${position}`).toString('base64url');

export function positionOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  const [, digits] = /^n(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new HeroError('INVALID_PARAMS', 'The cursor is none of this list; start again without it.', {
    issues: [{ path: 'cursor', message: 'pass next_cursor of the page before, unchanged' }],
  });
}

/** A page of rows that were read with one more than asked for: the extra row only says that there are more. */
export function page<T, R>(rows: T[], limit: number, position: (row: T) => number, item: (row: T) => R) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next_cursor = rows.length > limit && last !== undefined ? cursorAfter(position(last)) : null;
  return { items: shown.map(item), next_cursor };
}
