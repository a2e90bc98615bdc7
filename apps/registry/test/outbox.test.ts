/** What the outbox and the reconciler read and publish, regardless of other rows. */
import { WORK_CONSUMER, WORK_STREAM, WORK_SUBJECT, type WorkMessage } from '@hero/contracts';
import { ensureConsumer, WORK_SETTINGS } from '@hero/bus';
import { until } from '@hero/testing';
import { OUTBOX_DUE } from '../src/outbox/outbox-store.js';
import { PlayService } from './play-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

interface Plan {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

/** Number of rows that a plan has read. */
const touched = (plan: Plan): number =>
  (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops'] +
  (plan.Plans ?? []).reduce((sum, part) => sum + touched(part), 0);

test('a sweep reads the due rows, not the 60,000 rows that are due later', async () => {
  await registry.sql(
    `INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, at, due_at)
     SELECT 'later-' || n, 'w', 0, 'pending', false, now() - interval '1 minute', now() + interval '1 hour'
     FROM generate_series(1, 60000) AS n`,
  );
  const client = await registry.db.connect();
  try {
    // Before the table is analysed, as in the first minutes of a registry.
    await client.query('SET enable_seqscan = off');
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, at, due_at)
       SELECT 'due-' || n % 10, 'w', 0, 'pending', false, now() - interval '1 minute', now() - interval '1 minute'
       FROM generate_series(1, 100) AS n`,
    );
    await client.query(`PREPARE due AS ${OUTBOX_DUE}`);
    const { rows } = await client.query('EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE due (2000, 500)');
    expect(touched(rows[0]['QUERY PLAN'][0].Plan)).toBeLessThan(2_000);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
  await registry.sql(`DELETE FROM outbox WHERE play_sid LIKE 'later-%'`);
});

test('changes of one play are published in order: none while an earlier one is delayed', async () => {
  const client = await registry.db.connect();
  try {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, at, due_at) VALUES
         ('held', 'w', 0, 'running', true, now() - interval '1 minute', now() + interval '1 minute'),
         ('held', 'w', 0, 'success', true, now() - interval '1 minute', now() - interval '1 minute'),
         ('free', 'w', 0, 'success', true, now() - interval '1 minute', now() - interval '1 minute')`,
    );
    await client.query(`PREPARE due_in_order AS ${OUTBOX_DUE}`);
    const { rows } = await client.query('EXECUTE due_in_order (2000, 500)');
    expect(rows.map(({ play_sid }) => play_sid)).toEqual(['free']);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

describe('a pending play', () => {
  const age = (sid: string) =>
    registry.sql(`UPDATE plays SET republish_at = now() - interval '1 minute' WHERE sid = $1`, sid);
  const take = async (): Promise<unknown[]> => {
    const messages = await (await registry.bus.js.consumers.get(WORK_STREAM, WORK_CONSUMER)).fetch({
      max_messages: 100,
      expires: 1_000,
    });
    const taken: unknown[] = [];
    for await (const message of messages) {
      taken.push(message.string());
      if (message.string().startsWith('{')) message.ack();
    }
    return taken;
  };

  beforeAll(async () => {
    await registry.bus.jsm.streams.purge(WORK_STREAM);
    await ensureConsumer(registry.bus.jsm, WORK_STREAM, WORK_SETTINGS.consumer);
  });

  test('is published again although unreadable messages stay in the stream', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid);
    for (let n = 0; n < 5; n++) await registry.bus.js.publish(WORK_SUBJECT, 'no JSON');
    // Its own wake-up is consumed; the others are delivered and never acked.
    expect(await take()).toHaveLength(6);
    const since = registry.wakeUps.length;
    await age(sid);
    expect(await registry.woken(sid, since)).toEqual({ play_sid: sid, run_seq: 1 });
    await registry.bus.jsm.streams.purge(WORK_STREAM);
  });

  test('is published again although others wait behind it, and those are not', async () => {
    const { sid: lost } = await registry.start();
    await registry.woken(lost);
    await take();
    const { sid: queued } = await registry.start();
    await registry.woken(queued);
    const looks = async (sid: string) => (await registry.row(sid)).republished as number;
    const since = registry.wakeUps.length;
    await age(lost);
    await registry.sql(`UPDATE plays SET republish_at = now() WHERE sid = $1`, queued);
    await until(async () => (await looks(lost)) === 1 && (await looks(queued)) === 1);
    await registry.woken(lost, since);
    const again = registry.wakeUps.slice(since).map(({ play_sid }: WorkMessage) => play_sid);
    expect(again).toEqual([lost]);
  });
});
