import { setImmediate as turn } from 'node:timers/promises';
import { MIB } from '@hero/contracts';
import { Database, type Row, type Sql } from '@hero/persistence';
import { readSpanLogs } from '../src/log-lines.js';
import { reading } from '../src/tree-store.js';
import { id, log, type PlayEmitter, started, type TestIngest, testIngest } from './ingest-service.js';

let s: TestIngest;
beforeAll(async () => {
  s = await testIngest();
}, 60_000);
afterAll(async () => await s?.[Symbol.asyncDispose]());

interface Shown {
  texts: string[];
  /** Rows that each statement returned. */
  rows: Record<string, number>;
  /** Turns of the event loop after the last statement. */
  turns: number;
}

/** The lines shown with the first span, and what it took to read them. */
async function shown(play: PlayEmitter, bytes: number): Promise<Shown> {
  const rows: Record<string, number> = {};
  let turns = 0;
  let ended = false;
  const counting = (async () => {
    for (; !ended; turns++) await turn();
  })();
  const database = s.services[0]?.app.get(Database) as Database;
  return await reading(database, async (sql) => {
    const observed: Sql = {
      query: async <R extends object = Row>(name: string, text: string, values?: readonly unknown[]) => {
        const found = await sql.query<R>(name, text, values);
        rows[name] = (rows[name] ?? 0) + found.length;
        turns = 0;
        return found;
      },
      run: (text, values) => sql.run(text, values),
    };
    const logs = await readSpanLogs(observed, play.sid, [id(1)], bytes);
    ended = true;
    const counted = turns;
    await counting;
    return { texts: logs.map(({ text }) => text), rows, turns: counted };
  });
}

/** A play with so many lines, each in a batch of its own. */
async function playWithLines(sid: string, lines: number): Promise<PlayEmitter> {
  const play = s.play(sid);
  await play.say(started(1, null, 'main'));
  for (let n = 0; n < lines; n++) await play.say(log(1, ''));
  await play.stored();
  return play;
}

describe('the lines shown with spans', () => {
  it('are no more rows than their bytes can have lines', async () => {
    const play = await playWithLines('bounded', 30);
    expect(await shown(play, 10 * 62)).toMatchObject({ texts: Array(10).fill(''), rows: { read_span_lines: 10 } });
    expect(await shown(play, 11 * 62 - 1)).toMatchObject({ texts: Array(10).fill('') });
    expect((await shown(play, MIB)).texts).toHaveLength(30);
  });

  it('are read from 64 MiB of batches at most', async () => {
    const play = await playWithLines('large-batches', 20);
    // What else is in these batches is nothing that is shown; compressed, it is small.
    await s.db.query(
      `UPDATE batches SET body = left(body, -2) || ',{"beside":"' || repeat('x', $2) || '"}]}' WHERE play_sid = $1 AND last_seq > 1`,
      [play.sid, 4 * MIB],
    );
    const { texts, rows } = await shown(play, MIB);
    expect(rows).toEqual({ read_span_lines: 20, batches_with: 16 });
    expect(texts).toHaveLength(15);
  }, 30_000);

  it('leave the event loop to other work between two batches', async () => {
    const play = await playWithLines('in-turns', 20);
    const { texts, rows, turns } = await shown(play, MIB);
    expect([texts.length, rows.batches_with]).toEqual([20, 20]);
    expect(turns).toBeGreaterThanOrEqual(19);
  });
});
