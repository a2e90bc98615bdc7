/** I1: an accepted play is told until somebody claims it, whatever becomes of its wake-ups. */
import { WORK_STREAM, WORK_SUBJECT, type WorkMessage } from '@hero/contracts';
import { until } from '@hero/testing';
import { afterAll, beforeEach, afterEach, describe, expect, test } from '@jest/globals';
import { PlayService } from './play-service.js';

let registry: PlayService;
let ended: Promise<unknown> = Promise.resolve();
beforeEach(async () => {
  registry = await PlayService.start();
});
afterEach(() => {
  ended = Promise.all([ended, registry[Symbol.asyncDispose]()]);
});
afterAll(async () => ended);

/** What the stream holds for the executors. */
async function queued(): Promise<WorkMessage[]> {
  const { state } = await registry.bus.jsm.streams.info(WORK_STREAM);
  const found: WorkMessage[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await registry.bus.jsm.streams.getMessage(WORK_STREAM, { seq });
    if (message) found.push(message.json<WorkMessage>());
  }
  return found;
}
const outboxIsEmpty = () =>
  until(async () => (await registry.sql('SELECT FROM outbox')).length === 0, { what: 'an empty outbox' });

describe('I1: what is pending is told', () => {
  test('an accepted play has one wake-up in the stream, and nothing is left to tell', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid);
    await outboxIsEmpty();
    expect(await queued()).toEqual([{ play_sid: sid, run_seq: 1 }]);
  });

  test('again, when the work stream was deleted; and also what was accepted while there was none', async () => {
    const before = await registry.start();
    const claimed = await registry.running();
    await outboxIsEmpty();
    const since = registry.wakeUps.length;
    await registry.bus.jsm.streams.delete(WORK_STREAM);
    const meanwhile = await registry.start();
    await Promise.all([registry.woken(before.sid, since), registry.woken(meanwhile.sid, since)]);
    const told = await until(async () => {
      const messages = await queued().catch(() => []);
      const sids = new Set(messages.map(({ play_sid }) => play_sid));
      return sids.has(before.sid) && sids.has(meanwhile.sid) && sids;
    });
    expect(told.has(claimed.play_sid)).toBe(false);
    expect(await registry.claimed(before.sid)).toMatchObject({ epoch: 1 });
    expect(await registry.claimed(meanwhile.sid)).toMatchObject({ epoch: 1 });
  });

  test('again, when its wake-up was taken and forgotten; not while the queue is only long', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid);
    await outboxIsEmpty();
    const age = () => registry.sql(`UPDATE plays SET republish_at = now() - interval '1 second' WHERE sid = $1`, sid);
    const republished = async () => (await registry.row(sid)).republished as number;
    await age();
    await until(async () => (await republished()) === 1, { what: 'the reconciler’s look' });
    expect(await queued()).toHaveLength(1);
    await registry.bus.jsm.streams.purge(WORK_STREAM);
    const since = registry.wakeUps.length;
    await age();
    expect(await registry.woken(sid, since)).toEqual({ play_sid: sid, run_seq: 1 });
    expect(registry.wakeUps.slice(since)).toHaveLength(1);
  });

  test('by another registry, when the one that accepted it died before it told', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid);
    await outboxIsEmpty();
    await registry.bus.jsm.streams.purge(WORK_STREAM);
    const since = registry.wakeUps.length;
    await registry.sql(
      `WITH play AS (UPDATE plays SET run_seq = 2 WHERE sid = $1 RETURNING *)
       INSERT INTO outbox (play_sid, workflow_sid, attempt, status, moved, run_seq, at)
       SELECT sid, workflow_sid, 0, 'pending', true, 2, now() - interval '3 seconds' FROM play`,
      sid,
    );
    expect(await registry.woken(sid, since)).toEqual({ play_sid: sid, run_seq: 2 });
    await outboxIsEmpty();
    expect(await registry.claimed(sid)).toMatchObject({ epoch: 1 });
  });

  test('after NATS was away: what was accepted before is claimed by the wake-up that was kept', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid);
    await registry.nats.kill();
    await registry.nats.restart();
    await registry.bus.flush();
    expect(await queued()).toContainEqual({ play_sid: sid, run_seq: 1 });
    const since = registry.wakeUps.length;
    const mine = await registry.claimed(sid);
    await registry.release(mine);
    await registry.woken(sid, since, 2);
  });
});

test('a wake-up is published under its subject once for each run_seq', async () => {
  const mine = await registry.running();
  await registry.release(mine);
  await registry.woken(mine.play_sid, 0, 2);
  await outboxIsEmpty();
  expect((await queued()).map(({ run_seq }) => run_seq)).toEqual([1, 2]);
  expect((await registry.bus.jsm.streams.info(WORK_STREAM)).config.subjects).toEqual([WORK_SUBJECT]);
});
