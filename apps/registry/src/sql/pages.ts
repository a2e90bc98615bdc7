import { HeroError } from '@hero/contracts';

/**
 * Pages of a list. A cursor names the last row that was seen, by something that never changes: what is inserted later moves nothing.
 * Its first letter says which list it is from.
 */
const cursorOf = (list: string, last: string): string => Buffer.from(`${list}${last}`).toString('base64url');

function readCursor(cursor: string, shape: RegExp): string {
  const [, last] = shape.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (last !== undefined) return last;
  throw new HeroError('INVALID_PARAMS', 'Unknown cursor: it is not from this list; start again without it.', {
    issues: [{ path: 'cursor', message: 'pass next_cursor of the previous page, unchanged' }],
  });
}

/** Lists in the order of a number that rises. */
export const positionOf = (cursor: string | undefined): number | null =>
  cursor === undefined ? null : Number(readCursor(cursor, /^n(\d{1,15})$/));

/** A page from its rows; the last one says whether more follow. */
export function page<T>(rows: { position: number; more: boolean; item: T }[]) {
  const last = rows.at(-1);
  return { items: rows.map(({ item }) => item), next_cursor: last?.more ? cursorOf('n', `${last.position}`) : null };
}

/** Lists of plays, in the order of their sids. */
export const sidCursor = (sid: string): string => cursorOf('p', sid);
export const sidOf = (cursor: string): string => readCursor(cursor, /^p([\w-]{1,64})$/);
