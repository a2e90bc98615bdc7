/**
 * SQL of what a play remembers: steps and answers in one order, by (epoch, group, ordinal) of the commit, or of the claim or group
 * that handed the answer over (decision 13).
 *
 * What is below a call that has its outcome is never asked for again: neither its steps, nor what is below one of them that
 * only began. That, and the order, is worked out once for a claim; the pages are then read by their keys.
 */
import type { MemoryItem, MemoryRole } from '@hero/contracts';
import { Database } from '@hero/persistence';
import { Injectable } from '@nestjs/common';

/** The keys of one page, as JSON: `s` and a step key, or `r` and the id of a wait. Only PostgreSQL reads it. */
export interface PageKeys {
  keys: string;
}

interface MemoryRow {
  place: string;
  kind: MemoryItem[1];
  text: string;
  parent_place: string;
  name: string;
  role: MemoryRole;
}

@Injectable()
export class MemoryStore {
  constructor(private readonly database: Database) {}

  /** The pages of a play's memory. A page has at most `items`, and about `bytes` of text; an item that is larger alone comes alone. */
  pages(playSid: string, items: number, bytes: number): Promise<PageKeys[]> {
    return this.database.query('memory_pages', PAGES, [playSid, items, bytes]);
  }

  /** In the order of the keys. */
  async page(playSid: string, { keys }: PageKeys): Promise<MemoryItem[]> {
    const rows = await this.database.query<MemoryRow>('memory_page', PAGE, [playSid, keys]);
    return rows.map(({ place, kind, text, parent_place, name, role }) => [place, kind, text, parent_place, name, role]);
  }
}

const PAGES = `
  WITH RECURSIVE own AS MATERIALIZED (
    SELECT 's' || step_key AS key, place, parent_place, kind, epoch, group_no, ordinal, octet_length(outcome::text) AS bytes
    FROM steps WHERE play_sid = $1
  ), done AS MATERIALIZED (
    SELECT place FROM own WHERE kind <> 'begun'
  ), begun AS MATERIALIZED (
    SELECT place, parent_place FROM own WHERE kind = 'begun' AND parent_place <> ''
  ), cut AS (
    SELECT place FROM begun WHERE parent_place IN (SELECT place FROM done)
    UNION
    SELECT b.place FROM cut JOIN begun b ON b.parent_place = cut.place
  ), closed AS MATERIALIZED (
    SELECT place FROM done UNION ALL SELECT place FROM cut
  ), wanted AS (
    SELECT * FROM own
    UNION ALL
    SELECT 'r' || id, place, parent_place, outcome, taken_epoch, taken_group, taken_ordinal, octet_length(payload::text)
    FROM resumes WHERE play_sid = $1 AND taken_epoch IS NOT NULL
  ), ordered AS (
    SELECT key, row_number() OVER w AS n, sum(bytes) OVER w AS bytes, bytes > $3::int / 2 AS large FROM wanted
    WHERE parent_place = '' OR parent_place NOT IN (SELECT place FROM closed)
    WINDOW w AS (ORDER BY epoch, group_no, ordinal, key ROWS UNBOUNDED PRECEDING)
  ), parted AS (
    SELECT key, n, bytes, count(*) FILTER (WHERE large) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) AS larges, large FROM ordered
  )
  SELECT json_agg(key ORDER BY n)::text AS keys FROM parted
  GROUP BY larges, large, (n - 1) / $2::int, floor((bytes - 1)::float8 / $3::int) ORDER BY min(n)`;

/** Each row is looked up by its key: with the statistics of a table that just grew, a join would read all of a play for each key. */
const PAGE = `
  WITH wanted AS (
    SELECT left(key, 1) AS source, substr(key, 2) AS key, n FROM json_array_elements_text($2::json) WITH ORDINALITY AS u(key, n)
  )
  SELECT n, place, kind, text, parent_place, name, role
  FROM wanted, LATERAL (SELECT place, kind, outcome::text AS text, parent_place, name, role
                        FROM steps s WHERE s.play_sid = $1 AND s.step_key = wanted.key OFFSET 0) step WHERE source = 's'
  UNION ALL
  SELECT n, place, kind, text, parent_place, name, role
  FROM wanted, LATERAL (SELECT place, outcome AS kind, payload::text AS text, parent_place, name, role
                        FROM resumes r WHERE r.id = wanted.key OFFSET 0) answer WHERE source = 'r'
  ORDER BY n`;
