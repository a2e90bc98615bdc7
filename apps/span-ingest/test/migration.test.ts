/** A database that an older version wrote is read as before, and goes on. */
import { playEvents, playLogs, playSpansMethod } from '@hero/contracts';
import { testDatabase, until } from '@hero/testing';
import pg from 'pg';
import type { QueryRunner } from 'typeorm';
import { Spans1764000000000 } from '../src/migrations/1764000000000-spans.js';
import { at, id, log, testIngest } from './ingest-service.js';

const LINES = 205;

/** What the first schema holds of a play with two attempts: lines of a span, lines of none, and more of them than are shown. */
async function writeFirstSchema(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, options: '-c search_path=spans' });
  await client.connect();
  await client.query('CREATE SCHEMA spans');
  const first = new Spans1764000000000();
  await first.up({ query: (text: string) => client.query(text) } as unknown as QueryRunner);
  // As TypeORM notes it.
  await client.query(`
    CREATE TABLE migrations (id serial PRIMARY KEY, "timestamp" bigint NOT NULL, name varchar NOT NULL);
    INSERT INTO migrations ("timestamp", name) VALUES (1764000000000, '${Spans1764000000000.name}')`);
  const line = (span_id: string | null, text: string) => ({ type: 'log', at: at(), span_id, text, stream: 'log' });
  const start = {
    type: 'span_started',
    at: at(),
    span_id: id(1),
    parent_id: null,
    name: 'main',
    kind: 'flow_root',
    place: 'p',
    tags: {},
    source_file: null,
    source_line: null,
  };
  const batches = [
    { attempt: 1, events: [start, line(id(1), 'of the first attempt'), line(null, 'of no span')] },
    { attempt: 2, events: [start, ...Array.from({ length: LINES }, (_, i) => line(id(1), `line ${i} "\\ü"`))] },
    { attempt: 2, events: [line(null, 'at the end')] },
  ];
  let seq = 0;
  let nth = 0;
  for (const [index, { attempt, events }] of batches.entries()) {
    const batch = { play_sid: 'old', attempt, source: `x${attempt}`, batch: index === 2 ? 2 : 1 };
    await client.query('INSERT INTO batches VALUES ($1, $2, $3, $4, $5, $6, $7)', [
      'old',
      seq + 1,
      seq + events.length,
      attempt,
      batch.source,
      batch.batch,
      JSON.stringify({ ...batch, events }),
    ]);
    nth = 0;
    for (const event of events) {
      seq++;
      if (!('text' in event)) continue;
      const values = ['old', seq, event.span_id, attempt, event.at, event.text, event.stream];
      const number = event.span_id === null ? null : ++nth;
      await client.query('INSERT INTO logs VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [...values, number]);
    }
  }
  await client.query('INSERT INTO plays (sid, seq, attempt, spans, root_id) VALUES ($1, $2, 2, 1, $3)', [
    'old',
    seq,
    id(1),
  ]);
  await client.query(
    `INSERT INTO spans VALUES ('old', $1, NULL, 'main', 'flow_root', 'running', 2, 2, -1, false, true, 1, $2, $3, NULL, NULL, 0, $4,
       '{"tags":{},"source_file":null,"source_line":null}')`,
    [id(1), seq - 1, start.at, LINES],
  );
  await client.end();
}

it('what the first schema holds is answered as it was, and its play goes on', async () => {
  await using database = await testDatabase();
  await writeFirstSchema(database.url);
  await using s = await testIngest({ databaseUrl: database.url });
  const play = s.play('old');
  play.attempt = 2;
  const texts = Array.from({ length: LINES }, (_, i) => `line ${i} "\\ü"`);
  const logs = async (): Promise<string[]> =>
    (await s.bus.ask(playLogs, { play_sid: 'old' })).logs.map(({ text }) => text);
  expect(await logs()).toEqual([...texts, 'at the end']);
  const shown = async (): Promise<string[] | undefined> =>
    (await s.bus.ask(playSpansMethod, { play_sid: 'old' })).spans[0]?.logs.map(({ text }) => text);
  expect(await shown()).toEqual(texts.slice(0, 200));
  await play.publish({ source: 'x2', batch: 3, events: [log(1, 'after'), log(null, 'of no span')] });
  await until(async () => (await s.bus.ask(playEvents, { play_sid: 'old', limit: 10_000 })).seq === LINES + 7);
  expect(await logs()).toEqual([...texts, 'at the end', 'after', 'of no span']);
  expect(await shown()).toEqual(texts.slice(0, 200));
  // A line of a span has one row, as long as it is shown.
  const { rows } = await s.db.query('SELECT count(*)::integer AS n FROM logs');
  expect(rows).toEqual([{ n: 201 }]);
});
