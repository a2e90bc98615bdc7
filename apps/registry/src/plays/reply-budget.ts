/**
 * What of a play's values stands in a reply, and what is only referred to.
 *
 * 1. Up to 64 KiB a value stands in the reply, as long as all of them have 512 KiB together; the others are named by their size and
 *    fetched by play_payload. So no reply grows with the number of large values.
 * 2. A value that looks like a reference is always referred to: what looks like one in a reply is one.
 * 3. Values are text from PostgreSQL and go out as they are: nobody parses them on the way (decision 2).
 */
import { INLINE_LIMIT, isRef, type Json, rawJson } from '@hero/contracts';

/** Text where it may stand in a reply, and its size in any case; see `sized` for the SQL. */
export interface Sized {
  text: string | null;
  bytes: number | null;
}

const ALL_INLINE_BYTES = 512 * 1024;
/** A reference takes as much itself. */
const TINY = 128;

export class ReplyBudget {
  private left = ALL_INLINE_BYTES;

  value({ text, bytes }: Sized, ref: string): Json | null {
    if (bytes === null) return null;
    const fits = bytes <= TINY || bytes <= Math.min(INLINE_LIMIT, this.left);
    if (text === null || !fits || looksLikeRef(text)) return { $size: bytes, $ref: ref };
    this.left -= bytes;
    return rawJson(text);
  }
}

/** Cheap for almost every text: a key of a reference is in it, maybe written with escapes. */
function looksLikeRef(text: string): boolean {
  if (!text.trimStart().startsWith('{')) return false;
  return (text.includes('$ref') || text.includes('\\u')) && isRef(JSON.parse(text));
}

/** SQL of a Sized. What cannot stand in a reply is not even read: a large text, or by `and` one of too many. */
export const sized = (column: string, bytes: string, and = 'true'): string =>
  `json_build_object('text', CASE WHEN ${bytes} <= ${INLINE_LIMIT} AND ${and} THEN ${column}::text END, 'bytes', ${bytes})`;
/** The same where the values of many rows go into one reply: values are filled in this order until their sum reaches the limit. */
export const sizedOf = (column: string, bytes: string, order: string): string =>
  sized(column, bytes, `sum(coalesce(${bytes}, 0)) OVER (ORDER BY ${order}) <= ${2 * ALL_INLINE_BYTES}`);
/** SQL of about how many bytes a Sized takes in a reply. */
export const inlineBytes = (bytes: string): string =>
  `CASE WHEN ${bytes} <= ${INLINE_LIMIT} THEN ${bytes} ELSE ${TINY} END`;
