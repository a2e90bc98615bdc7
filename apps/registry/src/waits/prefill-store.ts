/** SQL of answers that arrive before their questions: prefilled at the start of a play, or kept later. The caller has locked the play's row. */
import type { Sql } from '@hero/persistence';
import { Injectable } from '@nestjs/common';
import { iso } from '../sql/words.js';

export interface Prefill {
  pattern: string;
  pos: number;
  payload: string;
}

/** The name under which an answer to one future question is kept. It has a control character, which names of pauses cannot have. */
export const keptUnder = (resumeId: string): string => `\u0001${resumeId}`;

@Injectable()
export class PrefillStore {
  unused(playSid: string, sql: Sql): Promise<Prefill[]> {
    return sql.query(
      'prefills_open',
      `SELECT pattern, pos, payload::text AS payload FROM prefills WHERE play_sid = $1 AND used_by IS NULL
       ORDER BY length(pattern) DESC, pattern, pos`,
      [playSid],
    );
  }

  async use(playSid: string, { pattern, pos }: Prefill, resumeId: string, sql: Sql): Promise<void> {
    await sql.query(
      'prefill_use',
      'UPDATE prefills SET used_by = $4 WHERE play_sid = $1 AND pattern = $2 AND pos = $3 AND used_by IS NULL',
      [playSid, pattern, pos, resumeId],
    );
  }

  /** Keeps an answer for a future question, one per name; `fresh` is false if one was kept before. */
  async keep(playSid: string, name: string, payload: string, sql: Sql): Promise<{ kept_at: string; fresh: boolean }> {
    const [row] = await sql.query<{ kept_at: string; fresh: boolean }>(
      'answer_keep',
      `WITH fresh AS (INSERT INTO kept AS k (play_sid, name, payload) VALUES ($1, $2, $3)
         ON CONFLICT (play_sid, name) DO NOTHING RETURNING ${iso('k.kept_at')} AS kept_at)
       SELECT kept_at, true AS fresh FROM fresh
       UNION ALL SELECT ${iso('k.kept_at')}, false FROM kept k WHERE k.play_sid = $1 AND k.name = $2`,
      [playSid, name, payload],
    );
    if (!row) throw new Error('An answer was neither inserted nor found; the play was not locked.');
    return row;
  }

  async keptNames(playSid: string, sql: Sql): Promise<Set<string>> {
    const text = 'SELECT name FROM kept WHERE play_sid = $1';
    const rows = await sql.query<{ name: string }>('answers_kept', text, [playSid]);
    return new Set(rows.map(({ name }) => name));
  }

  /** Removes the kept answer of a name and returns it. */
  async takeKept(playSid: string, name: string, sql: Sql): Promise<string | undefined> {
    const text = 'DELETE FROM kept WHERE play_sid = $1 AND name = $2 RETURNING payload::text AS payload';
    const [row] = await sql.query<{ payload: string }>('answer_take', text, [playSid, name]);
    return row?.payload;
  }

  /** Clears `prefill_only` after the first interactive answer: later questions may wait. */
  async interactive(playSid: string, sql: Sql): Promise<void> {
    await sql.query('play_interactive', 'UPDATE plays SET prefill_only = false WHERE sid = $1 AND prefill_only', [
      playSid,
    ]);
  }
}
