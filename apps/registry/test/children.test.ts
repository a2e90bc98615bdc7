/** Children: spawned once, delivered once, cancelled with their parent. */
import {
  executorNotice,
  hookCheck,
  hookResume,
  MIB,
  playCancel,
  playHook,
  playRetry,
  playSpawn,
  type Question,
} from '@hero/contracts';
import { until } from '@hero/testing';
import { codeOf, type Mine, PlayService, question } from './play-service.js';
import { Children } from '../src/waits/children.js';

const RACES = Number(process.env.HERO_TEST_RACES ?? 100);
let registry: PlayService;

beforeAll(async () => void (registry = await PlayService.start()), 60_000);
afterAll(async () => await registry[Symbol.asyncDispose]());

const spawn = async (parent: Mine, place = 'place'): Promise<string> => {
  const { owner, play_sid, epoch } = parent;
  const ask = {
    owner,
    play_sid,
    epoch,
    place,
    span_id: `at ${place}`,
    workflow_name: 'flow',
    version_sid: null,
    input: '{}',
  };
  const { result, child_play_sid } = await registry.bus.ask(playSpawn, ask);
  if (child_play_sid === null) throw new Error(`not spawned: ${result}`);
  return child_play_sid;
};
const child = (place = 'place'): Question => question('flow', { kind: 'child', place });
const endOf = async (sid: string, cost_usd = 0): Promise<void> => {
  const mine = await registry.claimed(sid, 'executor-c');
  expect(await registry.end(mine, { output: '{"n":1}', cost_usd })).toEqual({ result: 'done' });
};

describe('a child', () => {
  test('is spawned once per place, also if the request is repeated, and not by a stale claim (I2)', async () => {
    const parent = await registry.running();
    const [first, again] = await Promise.all([spawn(parent), spawn(parent)]);
    expect(again).toBe(first);
    expect((await registry.row(first)).parent_play_sid).toBe(parent.play_sid);
    expect(await registry.crash(parent)).toBe('pending');
    await expect(spawn(parent, 'other')).rejects.toThrow('fenced');
    expect(await registry.sql('SELECT sid FROM plays WHERE parent_play_sid = $1', parent.play_sid)).toHaveLength(1);
  });

  test('ends while its parent waits: the parent gets the output in its memory, and the cost', async () => {
    const parent = await registry.running();
    const sid = await spawn(parent);
    expect(await registry.pause(parent, 1, [child()])).toMatchObject({ result: 'suspended', resume_ids: [] });
    expect(await registry.exit(parent)).toBe('awaiting_resume');
    expect((await registry.play(parent.play_sid)).waits).toMatchObject([{ kind: 'child', child_play_sid: sid }]);
    await endOf(sid, 0.5);
    await registry.woken(parent.play_sid, 0, 2);
    const again = await registry.claimed(parent.play_sid);
    expect(again.memory.items).toEqual([['place', 'answer', '{"n":1}', '', 'flow', 'invoke']]);
    expect((await registry.play(parent.play_sid)).total_cost_usd).toBe(0.5);
  });

  test('that fails is an error of its parent’s branch, delivered like an answer', async () => {
    const parent = await registry.running();
    const mine = await registry.claimed(await spawn(parent), 'executor-c');
    await registry.end(mine, {
      status: 'failed',
      output: null,
      error: { type: 'Boom', message: 'no', traceback: '', span_id: null },
    });
    await until(
      async () =>
        (await registry.sql('SELECT FROM resumes WHERE child_play_sid = $1 AND delivered', mine.play_sid)).length > 0,
    );
    const { result, answers } = await registry.pause(parent, 1, [child()]);
    expect([result, answers[0]?.kind]).toEqual(['answered', 'error']);
    expect(JSON.parse(answers[0]?.payload ?? '')).toMatchObject({
      type: 'ChildFailed',
      data: { attributes: { play_sid: mine.play_sid, status: 'failed', error_type: 'Boom' } },
    });
  });

  test('ends while its parent lingers: the executor is notified, the time limit was paused, and the parent continues', async () => {
    const parent = await registry.running('executor-n', { timeout_ms: 60_000 });
    const sid = await spawn(parent);
    const notices: unknown[] = [];
    const heard = await registry.bus.follow(executorNotice('executor-n'), (data) => void notices.push(data));
    expect(await registry.pause(parent, 1, [child()], { linger: true })).toMatchObject({
      result: 'waiting',
      answers: [],
    });
    expect(await registry.row(parent.play_sid)).toMatchObject({
      status: 'running',
      suspended: false,
      running_since: null,
    });
    await endOf(sid);
    await until(async () => notices.length > 0);
    expect(notices[0]).toEqual({ answered: [{ play_sid: parent.play_sid, epoch: parent.epoch }] });
    await heard.stop();
    const { result, remaining_ms } = await registry.pause(parent, 2, [child()]);
    expect(result).toBe('answered');
    expect(remaining_ms).toBeGreaterThan(55_000);
    expect((await registry.row(parent.play_sid)).running_since).not.toBeNull();
  });

  test('a parked parent is suspended although it was answered, and pending immediately', async () => {
    const parent = await registry.running();
    await endOf(await spawn(parent));
    await until(
      async () =>
        (await registry.sql('SELECT FROM resumes WHERE play_sid = $1 AND delivered', parent.play_sid)).length > 0,
    );
    expect(await registry.pause(parent, 1, [child()], { park: true })).toMatchObject({
      result: 'suspended',
      answers: [],
    });
    expect(await registry.exit(parent)).toBe('pending');
  });

  test('whose end was not delivered is delivered by the sweep, once', async () => {
    const parent = await registry.running();
    const sid = await spawn(parent);
    await registry.pause(parent, 1, [child()]);
    await registry.exit(parent);
    // As if a registry had died between the end and its delivery.
    await registry.sql(
      `UPDATE plays SET status = 'success', output = '7', total_cost_usd = 2, completed_at = now() WHERE sid = $1`,
      sid,
    );
    await registry.woken(parent.play_sid, 0, 2);
    await Promise.all([1, 2, 3].map(() => registry.service.app.get(Children).deliver(sid)));
    expect(await registry.row(parent.play_sid)).toMatchObject({ status: 'pending', run_seq: 2, total_cost_usd: 2 });
  });

  test('is cancelled with its parent; also when the parent ends in another way', async () => {
    const cancelled = await registry.running();
    const first = await spawn(cancelled);
    await registry.bus.ask(playCancel, { play_sid: cancelled.play_sid });
    expect((await registry.row(first)).status).toBe('cancelled');
    const ended = await registry.running();
    const second = await spawn(ended);
    await registry.end(ended);
    await registry.changed(second, 'cancelled');
  });

  test.each([
    ['failed', true],
    ['cancelled', false],
  ])(
    'that succeeds after its parent has %s: the answer is kept for a retry, where there can be one: %s',
    async (status, kept) => {
      const parent = await registry.running();
      const sid = await spawn(parent);
      // As if the child ended at the same time as its parent.
      await registry.sql(`UPDATE plays SET status = $2, completed_at = now() WHERE sid = $1`, parent.play_sid, status);
      await registry.sql(`UPDATE plays SET status = 'success', output = '7', completed_at = now() WHERE sid = $1`, sid);
      await registry.service.app.get(Children).deliver(sid);
      const [wait] = await registry.sql('SELECT delivered, resumed_at FROM resumes WHERE child_play_sid = $1', sid);
      expect(wait).toMatchObject({ delivered: true, resumed_at: kept ? expect.anything() : null });
      expect((await registry.row(parent.play_sid)).status).toBe(status);
    },
  );

  test('that failed is retried in place with its parent, if the parent’s error passed through it and was not caught', async () => {
    const parent = await registry.running();
    const boom = { type: 'Boom', message: 'no', traceback: '', span_id: null };
    const sids = { caught: await spawn(parent, 'caught'), final: await spawn(parent, 'final') };
    for (const sid of Object.values(sids)) {
      const mine = await registry.claimed(sid, 'executor-c');
      await registry.end(mine, { status: 'failed', output: null, error: boom });
      await registry.service.app.get(Children).deliver(sid);
    }
    expect((await registry.ask(parent, 1, [child('caught'), child('final')])).answers).toHaveLength(2);
    await registry.end(parent, { status: 'failed', output: null, error: boom, failed_at: ['at final'] });
    const { play_sid } = parent;
    await registry.bus.ask(playRetry, { play_sid });
    expect((await registry.row(sids.caught)).status).toBe('failed');
    expect((await registry.row(sids.final)).status).toBe('pending');
    const again = await registry.claimed(play_sid);
    expect(again.memory.items.map(([place, kind]) => [place, kind])).toEqual([['caught', 'error']]);
    // The parent waits for it again, and its second end is the answer.
    expect(await spawn(again, 'final')).toBe(sids.final);
    expect((await registry.ask(again, 1, [child('final')])).answers).toEqual([]);
    await endOf(sids.final);
    await registry.service.app.get(Children).deliver(sids.final);
    expect((await registry.ask(again, 2, [])).answers).toMatchObject([{ place: 'final', payload: '{"n":1}' }]);
  });

  test('I6: its end never wakes a cancelled parent, and no concurrent end or cancel hangs', async () => {
    for (let n = 0; n < RACES; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const parent = await registry.running();
          const sid = await spawn(parent);
          await registry.pause(parent, 1, [child()]);
          await registry.exit(parent);
          const mine = await registry.claimed(sid, 'executor-c');
          await Promise.all([
            registry.end(mine, { output: '1' }),
            registry.bus.ask(playCancel, { play_sid: parent.play_sid }),
          ]);
          expect((await registry.row(parent.play_sid)).status).toBe('cancelled');
          expect(['success', 'cancelled']).toContain((await registry.row(sid)).status);
        }),
      );
    }
  }, 120_000);
});

describe('a signed link', () => {
  const link = async (play_sid: string, resume_id: string, options = {}): Promise<string> =>
    (await registry.bus.ask(playHook, { play_sid, resume_id, ...options })).token;
  const check = (token: string) => registry.bus.ask(hookCheck, { token });
  const use = (token: string, payload: unknown = 'yes') =>
    registry.bus.ask(hookResume, { token, payload: payload as null });

  test('answers its question once; a forged, truncated or foreign link is not found', async () => {
    const mine = await registry.running();
    const { resume_ids } = await registry.pause(mine, 1, [question('q', { schema: { type: 'string' } })]);
    await registry.exit(mine);
    const token = await link(mine.play_sid, resume_ids[0] ?? '');
    const forged = [
      token.slice(0, -1),
      `${token}A`,
      token.replace('.', '.A'),
      `x${token}`,
      token.split('.')[0] ?? '',
      '',
      '.',
      `${token}.`,
    ];
    for (const wrong of forged) {
      expect(['NOT_FOUND', 'INVALID_PARAMS']).toContain(await codeOf(use(wrong)));
      expect(['NOT_FOUND', 'INVALID_PARAMS']).toContain(await codeOf(check(wrong)));
    }
    expect(await check(token)).toEqual({ max_bytes: MIB });
    expect(await codeOf(use(token, 7))).toBe('INVALID_PARAMS');
    expect(await use(token)).toMatchObject({ ok: true, kept: false });
    expect(await codeOf(use(token))).toBe('ALREADY_RESUMED');
    expect(await codeOf(check(token))).toBe('ALREADY_RESUMED');
    expect((await registry.row(mine.play_sid)).status).toBe('pending');
  });

  test('that has expired is not found; one of a final play is refused before its answer is read', async () => {
    const mine = await registry.running();
    const id = '0'.repeat(32);
    const good = await link(mine.play_sid, id);
    const late = await link(mine.play_sid, id, { expires_in_ms: 1 });
    await until(async () => (await codeOf(check(late))) === 'NOT_FOUND', { what: 'the end of the link' });
    expect(await codeOf(use(late))).toBe('NOT_FOUND');
    expect(await check(good)).toEqual({ max_bytes: MIB });
    await registry.end(mine, { output: '1' });
    expect(await codeOf(check(good))).toBe('INVALID_STATE');
    expect(await codeOf(use(good))).toBe('INVALID_STATE');
  });

  test('allows more than 1 MiB if the schema of its question sets a higher bound', async () => {
    const mine = await registry.running();
    const schema = { type: 'string', maxLength: 200_000 };
    const { resume_ids } = await registry.pause(mine, 1, [question('q', { schema })]);
    const { max_bytes } = await check(await link(mine.play_sid, resume_ids[0] ?? ''));
    expect(max_bytes).toBeGreaterThan(2 * MIB);
  });

  test('used before its question is asked keeps the answer for that question only', async () => {
    const mine = await registry.running();
    await registry.ask(mine, 1, [question('other')]);
    const { createHash } = await import('node:crypto');
    const id = createHash('sha256').update(`resume|${mine.play_sid}|place of q`).digest('hex').slice(0, 32);
    expect(await use(await link(mine.play_sid, id), 'early')).toMatchObject({ kept: true });
    const { answers } = await registry.pause(mine, 2, [question('q'), question('other')]);
    expect(answers).toEqual([{ place: 'place of q', kind: 'answer', payload: '"early"' }]);
  });
});
