/**
 * Decides which values of a play a reply contains, and which it only refers to.
 *
 * 1. A reply contains values up to 64 KiB each and 512 KiB in total. Larger or further values are replaced by references with their
 *    size, and play_payload fetches them. So no reply grows with the number of large values.
 * 2. A value that looks like a reference is always replaced, so that everything in a reply that looks like a reference is one.
 * 3. Values are text from PostgreSQL and are sent unchanged, without being parsed (decision 2).
 */
import { INLINE_LIMIT, isRef, type Json, rawJson } from '@hero/contracts';

/** The text of a value if it is small enough for a reply, and always its size; see `sized` for the SQL. */
export interface Sized {
  text: string | null;
  bytes: number | null;
}

const ALL_INLINE_BYTES = 512 * 1024;
/** The size of a reference in a reply. */
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

/** A cheap test for almost every text: only one that contains `$ref` or an escape is parsed. */
function looksLikeRef(text: string): boolean {
  if (!text.trimStart().startsWith('{')) return false;
  return (text.includes('$ref') || text.includes('\\u')) && isRef(JSON.parse(text));
}

/** SQL of a Sized. Large texts are not read, nor those excluded by the condition `and`. */
export const sized = (column: string, bytes: string, and = 'true'): string =>
  `json_build_object('text', CASE WHEN ${bytes} <= ${INLINE_LIMIT} AND ${and} THEN ${column}::text END, 'bytes', ${bytes})`;
/** The same for a reply with the values of many rows: values are included in this order until their sum reaches the limit. */
export const sizedOf = (column: string, bytes: string, order: string): string =>
  sized(column, bytes, `sum(coalesce(${bytes}, 0)) OVER (ORDER BY ${order}) <= ${2 * ALL_INLINE_BYTES}`);
/** SQL of the approximate size of a Sized in a reply. */
export const inlineBytes = (bytes: string): string =>
  `CASE WHEN ${bytes} <= ${INLINE_LIMIT} THEN ${bytes} ELSE ${TINY} END`;
