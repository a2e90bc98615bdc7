/** Plays whose executor died or does not know of them: leases, crashes, releases, memory. */
import { executorNotice, type MemoryItem, playMemory, playResume } from '@hero/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codeOf, fenceOf, type Mine, PlayService, question, step } from './play-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

/** The whole memory of a claim, and its number of pages. */
async function memoryOf(mine: Mine): Promise<{ items: MemoryItem[]; sizes: number[] }> {
  const items = [...mine.memory.items];
  const sizes = [items.length];
  for (let { next } = mine.memory; next !== null; ) {
    const page = await registry.bus.ask(playMemory, { ...fenceOf(mine), next });
    items.push(...page.items);
    sizes.push(page.items.length);
    next = page.next;
  }
  return { items, sizes };
}

describe('an expired lease', () => {
  test('makes its plays pending again with new wake-ups, and notifies the old owner; a live executor keeps its plays, also if the clock jumps', async () => {
    const [lost, kept] = [await registry.running('executor-dead'), await registry.running('executor-live')];
    await registry.lease('executor-dead', lost);
    await registry.lease('executor-live', kept);
    await registry.commit(lost, 1, [step('a', 'before')]);
    const notices: unknown[] = [];
    const following = await registry.bus.follow(executorNotice('executor-dead'), (data) => notices.push(data));
    const since = registry.changes.length;
    await registry.setClockForward();
    // Renews as an executor does every second.
    const alive = setInterval(() => void registry.lease('executor-live', kept), 1_000);
    try {
      await registry.changed(lost.play_sid, 'pending', since);
    } finally {
      clearInterval(alive);
    }
    await registry.woken(lost.play_sid, 0, 2);
    expect(await registry.row(lost.play_sid)).toMatchObject({ run_seq: 2, epoch: 1, crashes: 1 });
    expect(notices).toEqual([{ gone: [{ play_sid: lost.play_sid, epoch: 1 }] }]);
    expect(await registry.lease('executor-dead', lost)).toMatchObject({
      gone: [{ play_sid: lost.play_sid, epoch: 1 }],
    });
    const again = await registry.claimed(lost.play_sid, 'executor-live');
    expect(again).toMatchObject({
      epoch: 2,
      attempt: 2,
      memory: { items: [['a', 'value', '"before"', '', 'a', 'call']], next: null },
    });
    expect(await registry.row(kept.play_sid)).toMatchObject({ status: 'running', epoch: 1, owner: 'executor-live' });
    await following.stop();
  });

  test('does not end a suspended play: that waits for its answer, and no crash is counted', async () => {
    const mine = await registry.running();
    await registry.pause(mine, 1, [question('who')]);
    expect(await registry.crash(mine)).toBe('awaiting_resume');
    expect(await registry.row(mine.play_sid)).toMatchObject({ crashes: 0, run_seq: 1 });
    const noticed = await registry.running();
    await registry.pause(noticed, 1, [question('who')]);
    await registry.bus.ask(playResume, { play_sid: noticed.play_sid, name: 'who', payload: 'me' });
    expect(await registry.crash(noticed)).toBe('pending');
    expect(await registry.row(noticed.play_sid)).toMatchObject({ crashes: 0, run_seq: 2 });
  });
});

describe('five crashes without progress', () => {
  test('are poison', async () => {
    const { sid } = await registry.start();
    for (let n = 1; n <= 4; n++) {
      expect(await registry.crash(await registry.claimed(sid))).toBe('pending');
      expect(await registry.row(sid)).toMatchObject({ crashes: n, run_seq: n + 1 });
    }
    expect(await registry.crash(await registry.claimed(sid))).toBe('failed');
    expect((await registry.play(sid)).error).toMatchObject({ type: 'Poison' });
  });

  /** Four crashes; a fifth would be poison. */
  const battered = async (): Promise<Mine> => {
    const { sid } = await registry.start();
    for (let n = 1; n <= 4; n++) await registry.crash(await registry.claimed(sid));
    return registry.claimed(sid);
  };

  test('a committed group restarts the count of crashes', async () => {
    const mine = await battered();
    await registry.commit(mine, 1, [step('a')]);
    expect(await registry.crash(mine)).toBe('pending');
    expect((await registry.row(mine.play_sid)).crashes).toBe(1);
  });

  test('progress that ended in a pause restarts it too', async () => {
    const mine = await battered();
    await registry.commit(mine, 1, [step('a')]);
    await registry.pause(mine, 2, [question('who')]);
    expect(await registry.exit(mine)).toBe('awaiting_resume');
    await registry.bus.ask(playResume, { play_sid: mine.play_sid, name: 'who', payload: 1 });
    expect(await registry.crash(await registry.claimed(mine.play_sid))).toBe('pending');
    expect((await registry.row(mine.play_sid)).crashes).toBe(1);
  });

  test('progress that ended in a drain restarts it too', async () => {
    const mine = await battered();
    await registry.commit(mine, 1, [step('a')]);
    await registry.release(mine);
    expect(await registry.crash(await registry.claimed(mine.play_sid))).toBe('pending');
    expect((await registry.row(mine.play_sid)).crashes).toBe(1);
  });

  test('a drain alone does not change the count', async () => {
    const mine = await battered();
    const other = await registry.running(mine.owner);
    expect(await registry.release(mine, other)).toBe(2);
    expect(await registry.release(mine, other)).toBe(0);
    expect(await registry.row(mine.play_sid)).toMatchObject({ status: 'pending', crashes: 4, run_seq: 6 });
    expect(await registry.row(other.play_sid)).toMatchObject({ status: 'pending', crashes: 0, run_seq: 2 });
    await registry.woken(other.play_sid, 0, 2);
    expect(await registry.crash(await registry.claimed(mine.play_sid))).toBe('failed');
  });
});

describe('executor_lease', () => {
  test('releases a claim that its executor repeatedly does not name, without counting a crash, also if the clock jumps', async () => {
    const mine = await registry.running('executor-deaf');
    await registry.setClockForward();
    // The reply may not have arrived yet.
    expect(await registry.lease('executor-deaf')).toMatchObject({ gone: [] });
    expect((await registry.row(mine.play_sid)).status).toBe('running');
    expect(await registry.lease('executor-deaf', mine)).toMatchObject({ gone: [] });
    expect((await registry.row(mine.play_sid)).status).toBe('running');
    const deaf = setInterval(() => void registry.lease('executor-deaf'), 500);
    try {
      await registry.woken(mine.play_sid, 0, 2);
    } finally {
      clearInterval(deaf);
    }
    expect(await registry.row(mine.play_sid)).toMatchObject({ status: 'pending', run_seq: 2, crashes: 0 });
    expect(await registry.claimed(mine.play_sid, 'executor-b')).toMatchObject({ epoch: 2 });
  });

  test('names the plays that it no longer owns: another epoch, another owner, final or unknown ones', async () => {
    const [mine, stale, foreign] = [
      await registry.running('executor-l'),
      await registry.running('executor-l'),
      await registry.running('executor-m'),
    ];
    await registry.release(stale);
    await registry.claimed(stale.play_sid, 'executor-l');
    const ended = await registry.running('executor-l');
    await registry.end(ended);
    const { gone } = await registry.lease('executor-l', mine, stale, foreign, ended, { ...mine, play_sid: 'nobody' });
    // The process of a play that it ended itself is just exiting.
    expect(gone.map(({ play_sid }) => play_sid).sort()).toEqual([stale.play_sid, foreign.play_sid, 'nobody'].sort());
  });
});

describe('the memory of the next attempt', () => {
  test('is sent completely, in pages: 2,500 steps of 5 MB, then the answers', async () => {
    const mine = await registry.running('executor-a', { prefill_resumes: { 'ask *': [1, 2, 3] } });
    const steps = Array.from({ length: 2_500 }, (_, n) => step(`step ${n}`, `${n} ${'x'.repeat(2_000)}`));
    expect(await registry.commit(mine, 1, steps)).toEqual({ result: 'done' });
    const questions = ['ask a', 'ask b', 'ask c'].map((name) => question(name));
    expect(await registry.pause(mine, 2, questions)).toMatchObject({ result: 'answered' });
    await registry.crash(mine);
    const again = await registry.claimed(mine.play_sid);
    const { items, sizes } = await memoryOf(again);
    // 4 MiB, then the rest.
    expect(sizes).toHaveLength(2);
    expect(sizes[0]).toBeGreaterThan(2_000);
    expect(
      items
        .slice(2_500)
        .map(([, kind, text]) => `${kind} ${text}`)
        .sort(),
    ).toEqual(['answer 1', 'answer 2', 'answer 3']);
    const remembered = new Map(items.map(([place, , text]) => [place, text]));
    expect(remembered.size).toBe(2_503);
    for (const { place, outcome } of steps) expect(remembered.get(place)).toBe(outcome);
    expect(await codeOf(registry.bus.ask(playMemory, { ...fenceOf(mine), next: '' }))).toBe('INVALID_STATE');
  });

  test('no page is larger than 4 MiB, except for a single larger item', async () => {
    const mine = await registry.running();
    const sizes = [1, 1.5, 1.5, 5, 0.1];
    for (const [n, mib] of sizes.entries()) {
      expect(await registry.commit(mine, n + 1, [step(`${n}`, 'x'.repeat(mib * 1024 * 1024 - 2))])).toEqual({
        result: 'done',
      });
    }
    await registry.crash(mine);
    const memory = await memoryOf(await registry.claimed(mine.play_sid));
    expect(memory.sizes).toEqual([3, 1, 1]);
    expect(memory.items.map(([place]) => place)).toEqual(['0', '1', '2', '3', '4']);
  });
});

test('a play whose time limit has passed is timed out without a report, and its claim is fenced', async () => {
  const mine = await registry.running('executor-a', { timeout_ms: 60_000 });
  expect(mine.remaining_ms).toBe(60_000);
  await registry.sql(`UPDATE plays SET deadline_at = now() - interval '31 seconds' WHERE sid = $1`, mine.play_sid);
  await registry.changed(mine.play_sid, 'timed_out');
  expect((await registry.play(mine.play_sid)).error).toMatchObject({ type: 'TimeLimit' });
  expect(await registry.commit(mine, 1, [step('late')])).toEqual({ result: 'fenced' });
});
