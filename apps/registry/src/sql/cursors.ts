import { HeroError } from '@hero/contracts';

/** A cursor names the last row that was seen, by a number that rises: what is inserted later moves nothing. */
const cursorAfter = (position: number): string => Buffer.from(`n${position}`).toString('base64url');

export function positionOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  const [, digits] = /^n(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new HeroError('INVALID_PARAMS', 'Unknown cursor: it is not from this list; start again without it.', {
    issues: [{ path: 'cursor', message: 'pass next_cursor of the previous page, unchanged' }],
  });
}

/** A page from its rows; the last one says whether more follow. */
export function page<T>(rows: { position: number; more: boolean; item: T }[]) {
  const last = rows.at(-1);
  return { items: rows.map(({ item }) => item), next_cursor: last?.more ? cursorAfter(last.position) : null };
}
