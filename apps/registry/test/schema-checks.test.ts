/** Schemas of users: an expensive one delays no other play, and its owner has a bounded time. */
import { type Json, playResume, playStart, playStatus, rawJson, workflowCreate } from '@hero/contracts';
import { CheckThreads, Spent } from '../src/schema-checks/check-threads.js';
import { codeOf, PlayService, question } from './play-service.js';
import { source } from './workflow-service.js';

let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

/** A backtracking engine never finishes with these. */
const ENDLESS = { pattern: '^(a+)+$' };
const HOSTILE = `${'a'.repeat(40)}b`;

test('forty answers of one play against a pattern that never finishes delay no other play', async () => {
  const mine = await registry.running();
  await registry.pause(
    mine,
    1,
    Array.from({ length: 40 }, (_, n) => question(`ask ${n}`, { schema: ENDLESS })),
  );
  const other = await registry.running();
  await registry.pause(other, 1, [question('plain', { schema: { pattern: '^a$' } })]);
  const hostile = Array.from({ length: 40 }, (_, n) =>
    codeOf(registry.bus.ask(playResume, { play_sid: mine.play_sid, name: `ask ${n}`, payload: HOSTILE })),
  );
  let refused = 0;
  const counted = hostile.map(async (answer) => {
    expect(await answer).toBe('INVALID_PARAMS');
    refused++;
  });
  expect(await registry.bus.ask(playResume, { play_sid: other.play_sid, name: 'plain', payload: 'a' })).toMatchObject({
    ok: true,
  });
  expect(refused).toBeLessThan(40);
  await Promise.all(counted);
  // Its time is used up: even an answer that would fit is refused without a check.
  const fitting = registry.bus.ask(playResume, { play_sid: mine.play_sid, name: 'ask 0', payload: 'a' });
  await expect(fitting).rejects.toMatchObject({ code: 'INVALID_PARAMS', issues: [{ path: 'payload' }] });
});

test('an owner has one running task at a time and is refused when its time is used up; others continue', async () => {
  const threads = new CheckThreads(500);
  const hostile = { kind: 'answer' as const, schema: ENDLESS, answer: JSON.stringify(HOSTILE) };
  const outcomes = await Promise.allSettled([
    ...Array.from({ length: 10 }, () => threads.run('hostile', hostile)),
    threads.run('honest', { ...hostile, answer: '"aaa"' }),
  ]);
  await threads.stop();
  const spent = outcomes.filter((one) => one.status === 'rejected' && one.reason instanceof Spent);
  expect(spent.length).toBeGreaterThanOrEqual(8);
  expect(outcomes.at(-1)).toMatchObject({ status: 'fulfilled', value: { issues: [] } });
});

describe('keys that look like numbers', () => {
  const TEXT = '{"b": 1.0, "10": {"y": 1, "2": 2, "1": 3}, "9": [{"3": 0, "1": 0}]}';
  const asked = async (play_sid: string): Promise<string> =>
    (await registry.bus.nc.request('hero.registry.play_status', JSON.stringify({ play_sid }))).string();

  test('keep their order from the input of a call to the process of the play, and back', async () => {
    const inputs = [
      { name: 'given', field_type: 'any' as const, required: true },
      { name: 'more', field_type: 'any' as const, required: false, default: { z: 1 } },
    ];
    const { sid: workflow_sid } = await registry.bus.ask(workflowCreate, {
      name: 'ordered',
      python_source: source({ inputs }),
    });
    const input_data = rawJson(`{"given": ${TEXT}}`) as { given: Json };
    const { sid } = await registry.bus.ask(playStart, { workflow_sid, input_data });
    expect((await registry.claimed(sid)).input).toBe(`{"given":${TEXT},"more":{"z":1}}`);
    expect(await asked(sid)).toContain(`"input_data":{"given":${TEXT},"more":{"z":1}}`);
  });

  test('keep their order in answers and in prefilled ones', async () => {
    const mine = await registry.running('executor-a', {
      prefill_resumes: rawJson(`{"a*": [${TEXT}, [1]], "b": ${TEXT}}`) as { a: Json },
    });
    const answered = await registry.pause(mine, 1, [question('a1'), question('a2'), question('b')]);
    expect(answered.answers.map(({ payload }) => payload)).toEqual([TEXT, '[1]', TEXT]);
    const other = await registry.running();
    await registry.pause(other, 1, [question('c')]);
    await registry.bus.ask(playResume, { play_sid: other.play_sid, name: 'c', payload: rawJson(TEXT) });
    expect(await asked(other.play_sid)).toContain(TEXT);
  });
});

test('the same idempotency key with the same parameters is the same call, regardless of key order', async () => {
  const start = (text: string) =>
    registry.bus.ask(playStart, {
      workflow_sid: registry.workflowSid,
      idempotency_key: 'ordered',
      prefill_resumes: rawJson(text) as { a: Json },
    });
  const { sid } = await start('{"a": {"x": 1, "y": [1, 2]}, "b": 1}');
  expect((await start('{"b": 1, "a": {"y": [1, 2], "x": 1}}')).sid).toBe(sid);
  await expect(start('{"b": 1, "a": {"y": [2, 1], "x": 1}}')).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('an input of 14 MiB is parsed neither in the registry’s main thread nor by the sender', async () => {
  const inputs = [{ name: 'rows', field_type: 'array' as const, required: true, schema: { uniqueItems: true } }];
  const ask = { name: 'many', python_source: source({ inputs }) };
  const { sid: workflow_sid } = await registry.bus.ask(workflowCreate, ask);
  const row = (n: number): string => `{"id": ${n}, "name": "row ${n}", "ok": true}`;
  const text = `{"rows": [${Array.from({ length: 320_000 }, (_, n) => row(n)).join(',')}]}`;
  const parse = JSON.parse;
  let longest = 0;
  JSON.parse = (given, reviver) => {
    longest = Math.max(longest, given.length);
    return parse(given, reviver);
  };
  try {
    const { sid, input_data } = await registry.bus.ask(playStart, {
      workflow_sid,
      input_data: rawJson(text) as { rows: Json },
    });
    expect(input_data).toEqual({ $size: expect.any(Number), $ref: 'input' });
    expect((await registry.bus.ask(playStatus, { play_sid: sid })).input_data).toEqual(input_data);
  } finally {
    JSON.parse = parse;
  }
  expect(longest).toBeLessThan(100_000);
}, 60_000);
