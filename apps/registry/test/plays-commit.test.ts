/** step_commit: only the newest claim commits (I2), each step once (I3), and no play delays another (I12). */
import { randomBytes } from 'node:crypto';
import { type GroupResult, playMemory, type StepOutcome, stepCommit } from '@hero/contracts';
import { until } from '@hero/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Claim, codeOf, fenceOf, PlayService, question, step } from './play-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

const DONE = { result: 'done' };
const FENCED = { result: 'fenced' };

interface One {
  claim: Claim;
  steps: StepOutcome[];
  group?: number;
  cost_usd?: number;
}
/** Groups of several plays in one request. */
const together = async (...ones: One[]): Promise<GroupResult[]> => {
  const groups = ones.map(({ claim: { play_sid, epoch }, group = 1, cost_usd = 0, steps }) => {
    return { play_sid, epoch, group, cost_usd, steps };
  });
  const owner = ones[0]?.claim.owner ?? '';
  return (await registry.bus.ask(stepCommit, { owner, groups })).results;
};
const many = (count: number) => Promise.all(Array.from({ length: count }, () => registry.running('executor-a')));
const stored = async ({ play_sid }: Claim): Promise<string[]> => {
  const text = 'SELECT name, outcome::text FROM steps WHERE play_sid = $1 ORDER BY group_no, ordinal';
  const rows = await registry.sql<{ name: string; outcome: string }>(text, play_sid);
  return rows.map(({ name, outcome }) => `${name}=${outcome}`);
};

describe('I2: only the newest claim writes', () => {
  test('a stale epoch, a future epoch and another owner commit nothing', async () => {
    const stale = await registry.running('executor-a');
    await registry.crash(stale);
    const mine = await registry.claimed(stale.play_sid, 'executor-b');
    expect(mine.epoch).toBe(2);
    const before = await registry.row(mine.play_sid);
    const claims = [stale, { ...mine, epoch: 3 }, { ...mine, owner: 'executor-a' }, { ...stale, owner: 'executor-b' }];
    for (const claim of claims) {
      expect(await registry.commit(claim, 1, [step('a')], 1)).toEqual(FENCED);
      expect((await registry.pause(claim, 1, [question('who')])).result).toBe('fenced');
      expect(await registry.end(claim)).toEqual(FENCED);
      expect(await registry.exit(claim)).toBeNull();
      expect(await registry.release(claim)).toBe(0);
      expect(await registry.crash(claim)).toBeUndefined();
      expect(await codeOf(registry.bus.ask(playMemory, { ...fenceOf(claim), next: '' }))).toBe('INVALID_STATE');
    }
    expect(await stored(mine)).toEqual([]);
    expect(await registry.row(mine.play_sid)).toEqual(before);
    expect(await registry.commit(mine, 1, [step('a')])).toEqual(DONE);
  });

  test('a write during a takeover waits for it or gets busy, and is then fenced', async () => {
    const stale = await registry.running('executor-a');
    let writes: Promise<unknown>[];
    {
      await using taken = await registry.hold(stale.play_sid);
      await taken.client.query(`UPDATE plays SET owner = 'executor-b', epoch = 2, attempt = 2 WHERE sid = $1`, [
        stale.play_sid,
      ]);
      expect(await registry.commit(stale, 1, [step('a')], 1)).toEqual({ result: 'busy' });
      writes = [registry.end(stale), registry.exit(stale), registry.pause(stale, 1, [question('who')])];
      const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await until(async () => (await registry.sql(waiting)).length === writes.length, { what: 'the writes that wait' });
    }
    const [end, exit, pause] = await Promise.all(writes);
    expect([end, exit, pause]).toMatchObject([FENCED, null, FENCED]);
    expect(await registry.commit(stale, 1, [step('a')], 1)).toEqual(FENCED);
    expect(await stored(stale)).toEqual([]);
    expect(await registry.row(stale.play_sid)).toMatchObject({ status: 'running', group_no: 0, total_cost_usd: 0 });
  });

  test('a concurrent commit and takeover are serialised, and the second one sees the first', async () => {
    for (let n = 0; n < 20; n++) {
      const mine = await registry.running();
      const [committed, status] = await Promise.all([registry.commit(mine, 1, [step('a')]), registry.crash(mine)]);
      expect(status).toBe('pending');
      const done = committed.result === 'done';
      if (!done) expect(committed.result).toMatch(/^(fenced|busy)$/);
      expect(await stored(mine)).toEqual(done ? ['a="a"'] : []);
      expect((await registry.claimed(mine.play_sid)).memory.items).toHaveLength(done ? 1 : 0);
    }
  });

  test('a suspended play commits nothing more', async () => {
    const mine = await registry.running();
    expect((await registry.pause(mine, 1, [question('who')])).result).toBe('suspended');
    expect(await registry.commit(mine, 2, [step('late')], 1)).toEqual(FENCED);
    expect((await registry.pause(mine, 2, [question('else')])).result).toBe('fenced');
    expect(await registry.end(mine)).toEqual(FENCED);
    expect(await registry.exit(mine)).toBe('awaiting_resume');
    expect(await stored(mine)).toEqual([]);
    const play = await registry.play(mine.play_sid);
    expect(play.pending_resumes.map(({ name }) => name)).toEqual(['who']);
    expect(play.total_cost_usd).toBe(0);
  });
});

describe('I3: a step is committed once', () => {
  test('a group repeated after a lost reply is applied once, with its cost', async () => {
    const mine = await registry.running();
    const steps = [step('a', { b: 1 }), step('b', null, { kind: 'error', outcome: '{"type":"E"}' })];
    const results = await Promise.all(Array.from({ length: 5 }, () => registry.commit(mine, 1, steps, 0.5)));
    expect(results).toEqual(Array.from({ length: 5 }, () => DONE));
    expect(await registry.commit(mine, 1, steps, 0.5)).toEqual(DONE);
    expect(await stored(mine)).toEqual(['a={"b":1}', 'b={"type":"E"}']);
    expect((await registry.play(mine.play_sid)).total_cost_usd).toBe(0.5);
  });

  test('a committed step stays, in its own epoch and in the next', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [step('a', 'first')]);
    expect(await registry.commit(mine, 2, [step('a', 'second'), step('b')])).toEqual(DONE);
    await registry.crash(mine);
    const again = await registry.claimed(mine.play_sid);
    expect(await registry.commit(again, 1, [step('a', 'third'), step('c')])).toEqual(DONE);
    expect((await stored(mine)).sort()).toEqual(['a="first"', 'b="b"', 'c="c"']);
  });

  test('a hole in the numbers of groups, and an old number, is fenced', async () => {
    const mine = await registry.running();
    expect(await registry.commit(mine, 2, [step('b')], 1)).toEqual(FENCED);
    for (const group of [1, 2, 3]) await registry.commit(mine, group, [step(`${group}`)], 1);
    expect(await registry.commit(mine, 5, [step('d')], 1)).toEqual(FENCED);
    expect(await registry.commit(mine, 1, [step('e')], 1)).toEqual(FENCED);
    expect(await stored(mine)).toEqual(['1="1"', '2="2"', '3="3"']);
    expect(await registry.row(mine.play_sid)).toMatchObject({ group_no: 3, total_cost_usd: 3 });
  });

  test('the text of an outcome comes back as it was written', async () => {
    const mine = await registry.running();
    const outcome = '{"z": 1.0, "a":[1e2,  -0.0],"a":"é😀\\u00e9"}';
    await registry.commit(mine, 1, [step('a', null, { outcome })]);
    await registry.crash(mine);
    expect((await registry.claimed(mine.play_sid)).memory).toEqual({
      items: [['a', 'value', outcome, '', 'a', 'call']],
      next: null,
    });
  });

  test('two groups of one play may be in one request', async () => {
    const [mine] = await many(1);
    if (!mine) throw new Error('no play');
    const both = await together({ claim: mine, steps: [step('a')] }, { claim: mine, group: 2, steps: [step('b')] });
    expect(both).toEqual([DONE, DONE]);
    expect(await stored(mine)).toEqual(['a="a"', 'b="b"']);
  });
});

describe('I12: one play delays no other', () => {
  test('a lock on one play’s row makes that play busy; the others of the request are done', async () => {
    const [held, ...others] = await many(4);
    if (!held) throw new Error('no play');
    const request = [held, ...others].map((claim) => ({ claim, steps: [step('a')], cost_usd: 1 }));
    {
      await using _ = await registry.hold(held.play_sid);
      // The lock is held until the reply arrives: a commit that waits for it would never reply.
      expect(await together(...request)).toEqual([{ result: 'busy' }, DONE, DONE, DONE]);
      for (const claim of others) expect(await stored(claim)).toEqual(['a="a"']);
    }
    expect(await stored(held)).toEqual([]);
    expect(await together(...request)).toEqual([DONE, DONE, DONE, DONE]);
    for (const { play_sid } of [held, ...others]) expect((await registry.row(play_sid)).total_cost_usd).toBe(1);
  });

  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const long = randomBytes(20_000).toString('hex');
  const unfit: [string, StepOutcome][] = [
    ['no JSON', step('bad', null, { outcome: '{"a":' })],
    ['an escaped NUL', step('bad', null, { outcome: '{"a":"\\u0000"}' })],
    ['a lone surrogate', step('bad', null, { outcome: '"\\ud800"' })],
    ['a NUL in its name', step('bad', null, { name: 'b\0d' })],
    ['JSON that is nested too deep', step('bad', null, { outcome: deep })],
    ['a key that is too long', step('bad', null, { step_key: long })],
  ];
  test.each(unfit)('%s makes only its own group refused', async (_, bad) => {
    const claims = await many(9);
    const request = claims.map((claim, n) => ({ claim, steps: n === 5 ? [step('a'), bad] : [step('a')], cost_usd: 1 }));
    const results = await together(...request);
    expect(results.map(({ result }) => result)).toEqual(claims.map((__, n) => (n === 5 ? 'refused' : 'done')));
    expect(results[5]?.message).toMatch(/\S/);
    for (const [n, claim] of claims.entries()) expect(await stored(claim)).toEqual(n === 5 ? [] : ['a="a"']);
    // The number is still free: the play raises the refusal at its step and continues.
    const guilty = claims[5];
    if (!guilty) throw new Error('no play');
    expect(await registry.row(guilty.play_sid)).toMatchObject({ status: 'running', group_no: 0, total_cost_usd: 0 });
    expect(await registry.commit(guilty, 1, [step('a')])).toEqual(DONE);
  });

  test('each group of a request is answered on its own', async () => {
    const [done, stale, bad, held, last] = await many(5);
    if (!done || !stale || !bad || !held || !last) throw new Error('no plays');
    await registry.release(stale);
    await using _ = await registry.hold(held.play_sid);
    const unknown = { ...last, play_sid: 'nobody' };
    const results = await together(
      { claim: done, steps: [] },
      { claim: stale, steps: [step('a')] },
      { claim: bad, steps: [step('a', null, { outcome: 'nan' })] },
      { claim: held, steps: [step('a')] },
      { claim: unknown, steps: [step('a')] },
      { claim: last, steps: [step('a')] },
    );
    expect(results.map(({ result }) => result)).toEqual(['done', 'fenced', 'refused', 'busy', 'fenced', 'done']);
    expect(await stored(last)).toEqual(['a="a"']);
  });
});
