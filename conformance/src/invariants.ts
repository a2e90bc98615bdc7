import pg from 'pg';

/**
 * The invariants that the tables themselves can tell, as queries that must return nothing. Run against the database of
 * any street after any faults. Named after docs/invariants.md.
 */
const MUST_BE_EMPTY: Record<string, string> = {
  'I1 a play is neither final nor waiting although nothing is under way':
    "SELECT sid, status FROM registry.plays WHERE status IN ('pending', 'running')",
  'I2 steps of one play were committed by an older epoch after a newer one': `SELECT play_sid, epoch, ordinal FROM (SELECT play_sid, epoch, ordinal, max(epoch) OVER (PARTITION BY play_sid ORDER BY ordinal) AS newest FROM registry.steps) s
     WHERE epoch < newest`,
  'I3 a place of a play is committed twice':
    'SELECT play_sid, place FROM registry.steps GROUP BY play_sid, place HAVING count(*) > 1',
  'I5 a question has two answers, or an answer without its time':
    'SELECT id FROM registry.resumes WHERE (resumed_at IS NULL) <> (resumed_by IS NULL)',
  'I6 a cancelled play was woken after it was cancelled': `SELECT p.sid FROM registry.plays p JOIN registry.resumes r ON r.play_sid = p.sid WHERE p.status = 'cancelled' AND r.resumed_at > p.completed_at`,
  'I7 the history of a play goes on after its end': `WITH statuses AS (
       SELECT b.play_sid, (e->>'seq')::bigint AS seq, e->>'status' AS status
       FROM spans.events b, LATERAL json_array_elements(b.events) e WHERE e->>'type' = 'status')
     SELECT a.play_sid, a.status, b.status FROM statuses a JOIN statuses b ON a.play_sid = b.play_sid AND b.seq > a.seq
     WHERE a.status IN ('success', 'cancelled')`,
  'I9 a play changed its version':
    'SELECT p.sid FROM registry.plays p LEFT JOIN registry.versions v ON v.sid = p.version_sid WHERE v.sid IS NULL',
};

/** Returns one line per violated invariant, with the first rows that show it. */
export async function checkInvariants(databaseUrl: string): Promise<string[]> {
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  try {
    const faults: string[] = [];
    for (const [name, sql] of Object.entries(MUST_BE_EMPTY)) {
      const { rows } = await db.query(sql);
      if (rows.length > 0) faults.push(`${name}: ${rows.length} rows, e.g. ${JSON.stringify(rows.slice(0, 3))}`);
    }
    return faults;
  } finally {
    await db.end();
  }
}
