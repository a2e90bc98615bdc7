/** Answers: I5 (a question is answered once), I6 (nothing wakes after a cancel won), prefill, early answers, timeouts, retry. */
import { playCancel, playPendingResumes, playResume, playRetry, playStart, workflowCreate } from '@hero/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codeOf, EXITED, type Mine, PlayService, question, step } from './play-service.js';
import { source } from './workflow-service.js';

/** HERO_TEST_RACES=1000 for a longer run. */
const RACES = Number(process.env.HERO_TEST_RACES ?? 250);
let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(async () => registry[Symbol.asyncDispose]());

const answer = (play_sid: string, name: string, payload: unknown = null) =>
  registry.bus.ask(playResume, { play_sid, name, payload: payload as null });

/** A suspended play that waits for its questions. */
async function waiting(...questions: Parameters<typeof question>[]): Promise<Mine> {
  const mine = await registry.running();
  await registry.pause(
    mine,
    1,
    questions.map((of) => question(...of)),
  );
  expect(await registry.exit(mine)).toBe('awaiting_resume');
  return mine;
}

/** Ten races at a time, so that they run under load. */
async function races(run: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; n < RACES; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => run(n + i)));
}

describe('I5: a question is answered once', () => {
  test('of two concurrent answers exactly one wins, and the play wakes once', async () => {
    await races(async (n) => {
      const { play_sid } = await waiting(['color']);
      const codes = await Promise.all(
        ['red', 'blue'].map((color) =>
          answer(play_sid, 'color', `${color} ${n}`).then(
            () => 'won',
            (e: { code: string }) => e.code,
          ),
        ),
      );
      expect(codes.sort()).toEqual(['ALREADY_RESUMED', 'won']);
      expect(await registry.row(play_sid)).toMatchObject({ status: 'pending', run_seq: 2 });
    });
  }, 120_000);

  test('of an answer and the question’s timeout exactly one wins', async () => {
    const winners = new Set<string>();
    await races(async (n) => {
      const mine = await registry.running();
      const { play_sid } = mine;
      await registry.pause(mine, 1, [question('color', { timeout_ms: 1 + (n % 40), default: '"late"' })]);
      // The shortest are due before the process has exited; then its exit makes the play pending.
      expect(['awaiting_resume', 'pending']).toContain(await registry.exit(mine));
      await delay(n % 60); // around the time of the timeout, so that they race
      const code = await answer(play_sid, 'color', 'red').then(
        () => 'answered',
        (e: { code: string }) => e.code,
      );
      await registry.woken(play_sid, 0, 2);
      const [row] = await registry.sql<{ payload: string; resumed_by: string }>(
        'SELECT payload, resumed_by FROM resumes WHERE play_sid = $1',
        play_sid,
      );
      winners.add(row?.resumed_by ?? 'nobody');
      expect([code, row?.resumed_by, row?.payload]).toEqual(
        code === 'answered' ? ['answered', 'interactive', 'red'] : ['ALREADY_RESUMED', 'timeout', 'late'],
      );
      expect((await registry.row(play_sid)).run_seq).toBe(2);
    });
    expect([...winners].sort()).toEqual(['interactive', 'timeout']);
  }, 120_000);

  test('an answer that does not fit is refused with its fault and does not wake the play', async () => {
    const { play_sid } = await waiting(['age', { schema: { type: 'integer' } }]);
    await expect(answer(play_sid, 'age', 'ten')).rejects.toMatchObject({
      code: 'INVALID_PARAMS',
      issues: [{ path: 'payload' }],
    });
    expect((await registry.row(play_sid)).status).toBe('awaiting_resume');
  });

  test('each of several questions is answered alone, in any order', async () => {
    const { play_sid } = await waiting(['one'], ['two'], ['three']);
    await answer(play_sid, 'two', 2);
    const open = await registry.bus.ask(playPendingResumes, { play_sid });
    expect(open.map((one) => one.name)).toEqual(['one', 'three']);
    const again = await registry.claimed(play_sid);
    expect(again.memory.items.map(([, kind, text]) => [kind, text])).toEqual([['answer', '2']]);
  });
});

describe('answers within the same second', () => {
  test('wake the play once, with the last one, and all of them are in its memory', async () => {
    const { play_sid } = await waiting(['one'], ['two'], ['three']);
    for (const name of ['two', 'one']) await answer(play_sid, name);
    expect(await registry.row(play_sid)).toMatchObject({ status: 'pending', run_seq: 2 });
    expect(registry.wakeUps.filter((message) => message.play_sid === play_sid)).toHaveLength(1);
    await answer(play_sid, 'three');
    await registry.woken(play_sid, 0, 2);
    const again = await registry.claimed(play_sid);
    expect(again.memory.items.map(([, , , , name]) => name)).toEqual(['two', 'one', 'three']);
  });

  test('a single answer wakes the play although other questions stay open', async () => {
    const { play_sid } = await waiting(['one'], ['two']);
    await answer(play_sid, 'one');
    await registry.woken(play_sid, 0, 2);
    expect(await registry.row(play_sid)).toMatchObject({ status: 'pending', run_seq: 2 });
  });
});

describe('I6: nothing wakes after a cancel won', () => {
  test('of a cancel and an answer exactly one wins', async () => {
    await races(async () => {
      const { play_sid } = await waiting(['color']);
      const [, answered] = await Promise.all([
        registry.bus.ask(playCancel, { play_sid, reason: 'race' }),
        answer(play_sid, 'color', 'red').then(
          () => true,
          () => false,
        ),
      ]);
      const row = await registry.row(play_sid);
      expect(row.status).toBe('cancelled');
      // If the answer was first, it woke the play, and the cancel ended the pending play. The other order never wakes it.
      expect(row.run_seq).toBe(answered ? 2 : 1);
      expect(await registry.claim(play_sid, 'executor-a', row.run_seq)).toBeNull();
    });
  }, 120_000);
});

describe('early answers', () => {
  test('an answer before the process has exited makes the play pending at the exit', async () => {
    const mine = await registry.running();
    await registry.pause(mine, 1, [question('color')]);
    await answer(mine.play_sid, 'color', 'red');
    expect((await registry.row(mine.play_sid)).status).toBe('running');
    expect(await registry.exit(mine, EXITED)).toBe('pending');
  });

  test('an answer without a question is kept, one per name, and used when the question is asked', async () => {
    const mine = await registry.running();
    expect(await answer(mine.play_sid, 'color', 'red')).toMatchObject({ kept: true });
    const paused = await registry.pause(mine, 1, [question('color')]);
    expect(paused).toMatchObject({ result: 'answered', answers: [{ payload: '"red"' }] });
    expect(await codeOf(answer(mine.play_sid, 'color', 'blue'))).toBe('ALREADY_RESUMED');
  });
});

describe('prefill', () => {
  const prefilled = async (prefill_resumes: Record<string, never>): Promise<Mine> => {
    const { sid: workflow_sid } = await registry.bus.ask(workflowCreate, {
      name: `prefilled ${Math.random()}`,
      python_source: source({}),
    });
    const { sid } = await registry.bus.ask(playStart, { workflow_sid, prefill_resumes });
    return registry.claimed(sid);
  };

  test('a list is a sequence, an exact name goes before a glob, each answer is used once', async () => {
    const mine = await prefilled({ color: ['red', 'blue'], 'co*': 'glob' } as never);
    const first = await registry.pause(mine, 1, [question('color', { place: '1'.repeat(32) })]);
    const second = await registry.pause(mine, 2, [question('color', { place: '2'.repeat(32) })]);
    const third = await registry.pause(mine, 3, [question('corner', { place: '3'.repeat(32) })]);
    expect([first, second, third].map((paused) => paused.answers[0]?.payload)).toEqual(['"red"', '"blue"', '"glob"']);
  });

  test('a pause without an answer fails a prefilled play with an error that names it', async () => {
    const mine = await prefilled({ other: 1 } as never);
    expect(await registry.pause(mine, 1, [question('color')])).toMatchObject({ result: 'ended' });
    const play = await registry.play(mine.play_sid);
    expect(play.status).toBe('failed');
    expect(play.error?.message).toContain('color');
  });
});

describe('play_retry', () => {
  const no = { type: 'ValueError', message: 'no' };
  const failed = (place: string, more = {}) => step(place, no, { kind: 'error', ...more });
  const final = { ...no, traceback: 'ValueError: no', span_id: 'span of on the w' };

  test('drops the errors of the spans that the final error passed through, and no similar ones', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [
      step('value'),
      // The flow caught this error and continued: it has the same type and message, and nothing is committed after it.
      failed('caught'),
      failed('on the way'),
      failed('member'),
      failed('check (try 2)'),
      failed('first try', { role: 'try', parent_place: 'on the way' }),
      failed('try of caught', { role: 'try', parent_place: 'caught' }),
    ]);
    const failed_at = ['on the way', 'member'].map((place) => step(place).span_id);
    await registry.end(mine, { status: 'failed', output: null, error: final, failed_at });
    expect((await registry.bus.ask(playRetry, { play_sid: mine.play_sid })).status).toBe('pending');
    const again = await registry.claimed(mine.play_sid);
    expect(again.memory.items.map(([place]) => place)).toEqual(['value', 'caught', 'check (try 2)']);
    const tries = await registry.sql(`SELECT place FROM steps WHERE play_sid = $1 AND role = 'try'`, mine.play_sid);
    expect(tries).toEqual([{ place: 'try of caught' }]);
    expect(await codeOf(registry.bus.ask(playRetry, { play_sid: mine.play_sid }))).toBe('INVALID_STATE');
  });

  test('drops nothing if the process was killed, because no error of the flow ended the play', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [failed('caught'), step('value')]);
    expect(await registry.exit(mine, { kind: 'signalled', code: null, signal: 'SIGKILL' })).toBe('failed');
    await registry.bus.ask(playRetry, { play_sid: mine.play_sid });
    const again = await registry.claimed(mine.play_sid);
    expect(again.memory.items.map(([place]) => place)).toEqual(['caught', 'value']);
  });

  test('asks a question again whose timeout ended the play, and keeps a timeout that was caught', async () => {
    const mine = await registry.running();
    const late = (name: string) => question(name, { span_id: `span of ${name}`, timeout_ms: 0 });
    expect((await registry.ask(mine, 1, [late('caught'), late('final')])).answers).toHaveLength(2);
    const failed_at = ['span of final'];
    await registry.end(mine, { status: 'failed', output: null, error: final, failed_at });
    await registry.bus.ask(playRetry, { play_sid: mine.play_sid });
    const again = await registry.claimed(mine.play_sid);
    expect(again.memory.items.map(([, kind, , , name]) => [kind, name])).toEqual([['error', 'caught']]);
    expect((await registry.ask(again, 1, [question('final')])).resume_ids).toHaveLength(1);
  });
});
