/** Claims and ends: I8 (a duplicate delivery has no effect), I7 (a final status stays), and what play_exit means. */
import {
  type ExitCause,
  FINAL_STATUSES,
  type PlayStatus,
  PLAY_STATUSES,
  playCancel,
  playRetry,
  playStart,
  workflowCreate,
} from '@hero/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codeOf, type Mine, PlayService, question, step } from './play-service.js';
import { source } from './workflow-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

const cancel = (play_sid: string) => registry.bus.ask(playCancel, { play_sid, reason: 'enough' });
const error = { type: 'ValueError', message: 'no', traceback: 'at line 3', span_id: null };
const because = (kind: ExitCause['kind'], more: Partial<ExitCause> = {}): ExitCause => ({
  kind,
  code: null,
  signal: null,
  message: '',
  ...more,
});

describe('I8: a play is claimed once', () => {
  test('of eight executors with the same message one gets it', async () => {
    const inputs = [{ name: 'data', field_type: 'object' as const, required: true }];
    const python_source = source({ inputs });
    const { sid: workflow_sid } = await registry.bus.ask(workflowCreate, { name: 'takes data', python_source });
    const input_data = { data: { z: 1, a: [1.5, null] } };
    const { sid } = await registry.bus.ask(playStart, { workflow_sid, input_data });
    const owners = Array.from({ length: 8 }, (_, n) => `executor-${n}`);
    const claims = await Promise.all(owners.map((owner) => registry.claim(sid, owner, 1)));
    const got = claims.filter((claim) => claim !== null);
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({
      play_sid: sid,
      epoch: 1,
      attempt: 1,
      entry: 'main',
      memory: { items: [], next: null },
    });
    expect(got[0]?.input).toBe('{"data":{"z":1,"a":[1.5,null]}}');
    expect(await registry.row(sid)).toMatchObject({ status: 'running', owner: got[0]?.owner, epoch: 1, attempt: 1 });
  });

  test('a message that is delivered again returns no run and changes nothing, also for its owner', async () => {
    const mine = await registry.running('executor-a');
    const before = await registry.row(mine.play_sid);
    expect(await registry.claim(mine.play_sid, 'executor-a', 1)).toBeNull();
    expect(await registry.claim(mine.play_sid, 'executor-b', 1)).toBeNull();
    expect(await registry.row(mine.play_sid)).toEqual(before);
    expect(await registry.commit(mine, 1, [step('a')])).toEqual({ result: 'done' });
  });

  test('only the newest message claims a play that is pending again', async () => {
    const mine = await registry.running();
    await registry.release(mine);
    expect(await registry.claim(mine.play_sid, 'executor-b', 1)).toBeNull();
    expect(await registry.claim(mine.play_sid, 'executor-b', 3)).toBeNull();
    expect(await registry.claim(mine.play_sid, 'executor-b', 2)).toMatchObject({ epoch: 2, attempt: 2 });
  });

  test('a final or unknown play cannot be claimed', async () => {
    const { sid } = await registry.start();
    await cancel(sid);
    expect(await registry.claim(sid, 'executor-a', 1)).toBeNull();
    expect(await registry.claim('nobody', 'executor-a', 1)).toBeNull();
    expect((await registry.play(sid)).status).toBe('cancelled');
  });
});

describe('play_exit decides what the end of a process means', () => {
  const rows: [string, ExitCause, PlayStatus, string][] = [
    ['exit 0 without a committed end', because('exited', { code: 0 }), 'failed', 'ExitedEarly'],
    ['exit 75 without a committed pause', because('exited', { code: 75 }), 'failed', 'PausedWithoutQuestion'],
    ['another exit code', because('exited', { code: 3 }), 'failed', 'ExitCode'],
    ['a signal', because('signalled', { signal: 'SIGSEGV' }), 'failed', 'KilledBySignal'],
    ['garbage', because('protocol', { message: 'A frame is not JSON.' }), 'failed', 'ProtocolError'],
    ['a limit', because('limit', { message: 'Memory: 512 MiB.' }), 'failed', 'LimitExceeded'],
    ['the play’s own time limit', because('time_limit'), 'timed_out', 'TimeLimit'],
  ];
  test.each(rows)('%s', async (_, cause, status, type) => {
    const mine = await registry.running();
    expect(await registry.exit(mine, cause)).toBe(status);
    const play = await registry.play(mine.play_sid);
    expect(play).toMatchObject({ status, error: { type }, output_data: null });
    expect(play.error?.message).toContain(cause.message);
    expect(play.error?.message).not.toBe('');
    expect(play.completed_at).not.toBeNull();
    // The reply was lost, and the exit is reported again.
    expect(await registry.exit(mine, cause)).toBe(status);
    expect(await registry.play(mine.play_sid)).toEqual(play);
  });

  test('a play whose process could not be started is given back four times with growing delay, then fails', async () => {
    const { sid } = await registry.start();
    for (let n = 1; n <= 4; n++) {
      expect(await registry.exit(await registry.claimed(sid), because('not_started'))).toBe('pending');
      expect(await registry.row(sid)).toMatchObject({ unstarted: n, run_seq: n + 1, crashes: 0 });
      const wait =
        'SELECT extract(epoch FROM due_at - at)::float8 AS s FROM outbox WHERE play_sid = $1 AND run_seq = $2';
      expect(await registry.sql(wait, sid, n + 1)).toEqual([{ s: 0.1 * 2 ** n }]);
    }
    expect(await registry.exit(await registry.claimed(sid), because('not_started', { message: 'no memory' }))).toBe(
      'failed',
    );
    expect((await registry.play(sid)).error).toMatchObject({ type: 'NotStarted', message: 'no memory' });
  });

  test('failed starts are no longer counted once an attempt has committed something', async () => {
    const { sid } = await registry.start();
    for (let n = 1; n <= 4; n++) await registry.exit(await registry.claimed(sid), because('not_started'));
    const mine = await registry.claimed(sid);
    await registry.commit(mine, 1, [step('a')]);
    await registry.release(mine);
    expect(await registry.exit(await registry.claimed(sid), because('not_started'))).toBe('pending');
    expect((await registry.row(sid)).unstarted).toBe(1);
  });

  test('after a committed end it changes nothing, regardless of how the process ended', async () => {
    const mine = await registry.running();
    expect(await registry.end(mine, { output: '{"b":1.0}' })).toEqual({ result: 'done' });
    expect(await registry.exit(mine, because('signalled', { signal: 'SIGKILL' }))).toBe('success');
    expect(await registry.play(mine.play_sid)).toMatchObject({ status: 'success', output_data: { b: 1 }, error: null });
  });
});

describe('I7: a final status is never changed', () => {
  const ways: [PlayStatus, (mine: Mine) => Promise<unknown>][] = [
    ['success', (mine) => registry.end(mine, { output: '"first"' })],
    ['failed', (mine) => registry.end(mine, { status: 'failed', output: null, error })],
    ['timed_out', (mine) => registry.exit(mine, because('time_limit'))],
    ['cancelled', (mine) => cancel(mine.play_sid)],
  ];

  test.each(ways)('%s: every later write of its executor is refused', async (status, finish) => {
    const mine = await registry.running();
    await finish(mine);
    const before = await registry.play(mine.play_sid);
    expect(before.status).toBe(status);
    const other = status === 'success' ? { status: 'failed' as const, output: null, error } : {};
    expect(await registry.end(mine, { ...other, cost_usd: 1 })).toEqual({ result: 'fenced' });
    expect(await registry.commit(mine, 1, [step('late')], 1)).toEqual({ result: 'fenced' });
    expect((await registry.pause(mine, 1, [question('late')])).result).toBe('fenced');
    expect(await registry.exit(mine, because('exited', { code: 9 }))).toBe(status);
    expect(await registry.release(mine)).toBe(0);
    expect(await registry.crash(mine)).toBeUndefined();
    expect(await codeOf(cancel(mine.play_sid))).toBe('INVALID_STATE');
    expect(await registry.play(mine.play_sid)).toEqual(before);
  });

  test('an end that is repeated after a lost reply is answered as done, and the first output stays', async () => {
    const mine = await registry.running();
    expect(await registry.end(mine, { output: '"first"', cost_usd: 1 })).toEqual({ result: 'done' });
    expect(await registry.end(mine, { output: '"first"', cost_usd: 1 })).toEqual({ result: 'done' });
    expect(await registry.play(mine.play_sid)).toMatchObject({ output_data: 'first', total_cost_usd: 1 });
  });

  test('of a concurrent end and cancel one wins, and both replies say which', async () => {
    for (let n = 0; n < 15; n++) {
      const mine = await registry.running();
      const [ended, cancelled] = await Promise.all([registry.end(mine), codeOf(cancel(mine.play_sid))]);
      const { status } = await registry.play(mine.play_sid);
      const expected = status === 'success' ? ['done', 'INVALID_STATE'] : ['fenced', 'it did not fail'];
      expect([ended.result, cancelled]).toEqual(expected);
    }
  });

  test('PostgreSQL itself refuses every other change; only failed and timed_out may become pending again', async () => {
    for (const from of FINAL_STATUSES) {
      const { sid } = await registry.start();
      const become = (status: string) => registry.sql('UPDATE plays SET status = $2 WHERE sid = $1', sid, status);
      await become(from);
      const reopens = from === 'failed' || from === 'timed_out';
      for (const to of PLAY_STATUSES.filter((status) => status !== from && !(reopens && status === 'pending'))) {
        await expect(become(to)).rejects.toMatchObject({ code: '23001' });
      }
      expect((await registry.row(sid)).status).toBe(from);
      if (reopens) await become('pending');
    }
  });

  test('only play_retry reopens a failed play', async () => {
    const mine = await registry.running();
    await registry.end(mine, { status: 'failed', output: null, error });
    const since = registry.wakeUps.length;
    expect(await registry.bus.ask(playRetry, { play_sid: mine.play_sid })).toMatchObject({
      status: 'pending',
      error: null,
    });
    await registry.woken(mine.play_sid, since, 2);
    const done = await registry.running();
    await registry.end(done);
    expect(await codeOf(registry.bus.ask(playRetry, { play_sid: done.play_sid }))).toBe('INVALID_STATE');
  });
});
