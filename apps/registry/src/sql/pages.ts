import { HeroError } from '@hero/contracts';

/**
 * Pages of a list. A cursor names the last row of a page by a value that never changes, so that later inserts shift no page.
 * Its first letter names the list.
 */
const cursorOf = (list: string, last: string): string => Buffer.from(`${list}${last}`).toString('base64url');

function readCursor(cursor: string, shape: RegExp): string {
  const [, last] = shape.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (last !== undefined) return last;
  throw new HeroError('INVALID_PARAMS', 'Unknown cursor: it is not from this list; start again without it.', {
    issues: [{ path: 'cursor', message: 'pass next_cursor of the previous page, unchanged' }],
  });
}

/** Cursors of lists that are ordered by a number. */
export const positionOf = (cursor: string | undefined): number | null =>
  cursor === undefined ? null : Number(readCursor(cursor, /^n(\d{1,15})$/));

/** Makes a page from one row more than its limit; the extra row says that more follow. */
export function page<T>(rows: { position: number; more: boolean; item: T }[]) {
  const last = rows.at(-1);
  return { items: rows.map(({ item }) => item), next_cursor: last?.more ? cursorOf('n', `${last.position}`) : null };
}

/** Cursors of lists of plays, which are ordered by sid. */
export const sidCursor = (sid: string): string => cursorOf('p', sid);
export const sidOf = (cursor: string): string => readCursor(cursor, /^p([\w-]{1,64})$/);
