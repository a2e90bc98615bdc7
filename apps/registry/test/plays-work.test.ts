/** I1: wake-ups of an accepted play are published until it is claimed, also if some are lost. */
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

/** The messages in the work stream. */
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

describe('I1: wake-ups of pending plays are published', () => {
  test('once for an accepted play, and then the outbox is empty', async () => {
    const { sid } = await registry.start();
    await registry.woken(sid);
    await outboxIsEmpty();
    expect(await queued()).toEqual([{ play_sid: sid, run_seq: 1 }]);
  });

  test('again after the work stream was deleted, also for plays that were accepted meanwhile', async () => {
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

  test('again after a wake-up was consumed without a claim, but not while the queue is only long', async () => {
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

  test('by another registry, if the one that accepted the play died before it published', async () => {
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

  test('before an outage of NATS: the play is claimed by the stored wake-up afterwards', async () => {
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
