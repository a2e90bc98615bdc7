/** Waits are recorded when they begin (decision 14), and memory has the order of commits and taken answers (decision 13). */
import {
  executorNotice,
  hookResume,
  playCancel,
  playFork,
  playHook,
  playPendingResumes,
  playResume,
} from '@hero/contracts';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { resumeIdOf } from '../src/life/ids.js';
import { type Claim, codeOf, type Mine, PlayService, question, step } from './play-service.js';

const RACES = Number(process.env.HERO_TEST_RACES ?? 200);
let registry: PlayService;
beforeAll(async () => {
  registry = await PlayService.start();
}, 60_000);
afterAll(async () => registry[Symbol.asyncDispose]());

const answer = (play_sid: string, name: string, payload: unknown = name) =>
  registry.bus.ask(playResume, { play_sid, name, payload: payload as null });
const open = async (play_sid: string): Promise<string[]> =>
  (await registry.bus.ask(playPendingResumes, { play_sid })).map(({ name }) => name);
const places = ({ memory }: Mine): string[] => memory.items.map(([place]) => place);
const of = (name: string): string => question(name).place;
const timer = (name: string, timeout_ms: number) =>
  question(name, { kind: 'timer', role: 'timeout', timeout_ms, default: 'null' });
/** The process of a play dies, and the next executor claims it. */
async function next(claim: Claim): Promise<Mine> {
  expect(await registry.crash(claim)).toBe('pending');
  return registry.claimed(claim.play_sid);
}

describe('a question that is asked while the play runs', () => {
  test('is shown, accepts an answer immediately, and its executor is notified', async () => {
    const mine = await registry.running('executor-ask');
    const notices: unknown[] = [];
    const heard = await registry.bus.follow(executorNotice('executor-ask'), (data) => notices.push(data));
    const asked = await registry.ask(mine, 1, [question('color')]);
    expect(asked).toMatchObject({ result: 'answered', answers: [], more: false });
    expect(asked.resume_ids).toHaveLength(1);
    expect(await open(mine.play_sid)).toEqual(['color']);
    await answer(mine.play_sid, 'color', 'red');
    await registry.bus.flush();
    expect(notices).toEqual([{ answered: [{ play_sid: mine.play_sid, epoch: 1 }] }]);
    await heard.stop();
    expect(await open(mine.play_sid)).toEqual([]);
    expect((await registry.row(mine.play_sid)).status).toBe('running');
    const handed = await registry.ask(mine, 2, []);
    expect(handed.answers).toEqual([{ place: of('color'), kind: 'answer', payload: '"red"' }]);
    expect((await registry.ask(mine, 3, [])).answers).toEqual([]);
  });

  test('stays unchanged when it is asked again: its time limit runs from its beginning, also over a crash', async () => {
    const mine = await registry.running();
    await registry.ask(mine, 1, [question('late', { timeout_ms: 60_000 })]);
    const [before] = await registry.bus.ask(playPendingResumes, { play_sid: mine.play_sid });
    const again = await next(mine);
    expect((await registry.ask(again, 1, [question('late', { timeout_ms: 90_000 })])).resume_ids).toEqual([]);
    expect(await registry.bus.ask(playPendingResumes, { play_sid: mine.play_sid })).toEqual([before]);
  });

  test('a timer that is due counts as answered, in the group that records it', async () => {
    const mine = await registry.running();
    expect(await registry.ask(mine, 1, [timer('timeout', 0), timer('other', 60_000)])).toMatchObject({
      answers: [{ place: of('timeout'), kind: 'answer', payload: 'null' }],
    });
    expect(places(await next(mine))).toEqual([of('timeout')]);
  });

  test('a pause considers all earlier asks, and need not name them', async () => {
    const mine = await registry.running();
    await registry.ask(mine, 1, [question('color')]);
    const suspended = await registry.pause(mine, 2, []);
    expect(suspended).toMatchObject({ result: 'suspended', resume_ids: [expect.any(String)] });
    await answer(mine.play_sid, 'color');
    expect(await registry.exit(mine)).toBe('pending');
    expect(places(await registry.claimed(mine.play_sid))).toEqual([of('color')]);
  });

  test('a pause of a play that waits for nothing is refused', async () => {
    const mine = await registry.running();
    expect((await registry.pause(mine, 1, [])).result).toBe('refused');
    expect(await registry.commit(mine, 1, [step('a')])).toEqual({ result: 'done' });
  });
});

describe('the group of an ask', () => {
  test('repeated after a lost reply returns the same answers, and counts its cost once', async () => {
    const mine = await registry.running();
    await registry.ask(mine, 1, [question('one'), question('two')]);
    await answer(mine.play_sid, 'one');
    const first = await registry.ask(mine, 2, [question('bad', { schema: { type: 'none' } })], { cost_usd: 0.5 });
    await answer(mine.play_sid, 'two');
    const again = await registry.ask(mine, 2, [question('bad', { schema: { type: 'none' } })], { cost_usd: 0.5 });
    expect(first.answers.map(({ kind }) => kind)).toEqual(['refused', 'answer']);
    expect(again.answers).toEqual(first.answers);
    expect(again.more).toBe(true);
    expect((await registry.row(mine.play_sid)).total_cost_usd).toBe(0.5);
    expect((await registry.ask(mine, 3, [])).answers.map(({ place }) => place)).toEqual([of('two')]);
  });

  test('is fenced in an old epoch, after a hole, and once the play is suspended (I2)', async () => {
    const mine = await registry.running();
    expect((await registry.ask(mine, 2, [question('hole')])).result).toBe('fenced');
    await registry.pause(mine, 1, [question('color')]);
    expect((await registry.ask(mine, 1, [])).result).toBe('fenced');
    expect((await registry.ask(mine, 2, [question('late')])).result).toBe('fenced');
    const other = await registry.running();
    await next(other);
    expect((await registry.ask(other, 1, [question('stale')])).result).toBe('fenced');
    expect(await open(other.play_sid)).toEqual([]);
  });

  test('with nothing new is no progress: five crashes after the same questions are poison', async () => {
    let mine = await registry.running();
    await registry.ask(mine, 1, [question('color')]);
    for (let crash = 1; crash <= 4; crash++) {
      mine = await next(mine);
      await registry.ask(mine, 1, [question('color')]);
      await registry.ask(mine, 2, []);
    }
    expect(await registry.crash(mine)).toBe('failed');
    expect((await registry.play(mine.play_sid)).error?.type).toBe('Poison');
  });
});

describe('the order of memory', () => {
  test('is the order of commits and of taken answers', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [step('z'), step('a')]);
    await registry.ask(mine, 2, [question('one'), question('two'), question('three')]);
    await answer(mine.play_sid, 'two');
    await answer(mine.play_sid, 'one');
    expect((await registry.ask(mine, 3, [])).answers.map(({ place }) => place)).toEqual([of('two'), of('one')]);
    await registry.commit(mine, 4, [step('m')]);
    // Answered but not taken: the next claim takes it, after everything else.
    await answer(mine.play_sid, 'three');
    const again = await next(mine);
    const order = ['z', 'a', of('two'), of('one'), 'm', of('three')];
    expect(places(again)).toEqual(order);
    await registry.commit(again, 1, [step('b')]);
    expect(places(await next(again))).toEqual([...order, 'b']);
    const { sid } = await registry.bus.ask(playFork, { play_sid: mine.play_sid });
    expect(places(await registry.claimed(sid))).toEqual([...order, 'b']);
  });

  test('a begun step has the position of its committed outcome', async () => {
    const mine = await registry.running();
    await registry.commit(mine, 1, [step('once', { begins: 1 }, { kind: 'begun' })]);
    await registry.commit(mine, 2, [step('beside')]);
    await registry.commit(mine, 3, [step('once')]);
    expect(places(await next(mine))).toEqual(['beside', 'once']);
  });

  test('holds over many pages', async () => {
    const mine = await registry.running();
    const order: string[] = [];
    for (let group = 1; group <= 6; group++) {
      const steps = Array.from({ length: 1_500 }, (_, n) => step(`${group} ${(n * 7919) % 1_500}`));
      order.push(...steps.map(({ place }) => place));
      await registry.commit(mine, group, steps);
    }
    const again = await next(mine);
    expect(again.memory.next).not.toBeNull();
    expect(await registry.placesOf(again)).toEqual(order);
  }, 60_000);
});

describe('a question that cannot be asked', () => {
  test('is refused alone, and the others are asked', async () => {
    const mine = await registry.running();
    const bad = [
      question('bad schema', { schema: { type: 'none' } }),
      // The check accepts it, the database refuses it.
      question('unstorable'),
    ];
    await registry.sql(`ALTER TABLE resumes ADD CONSTRAINT storable CHECK (name <> 'unstorable')`);
    const asked = await registry.ask(mine, 1, [bad[0] ?? question(''), question('good'), bad[1] ?? question('')]);
    expect(asked.answers.map(({ place, kind }) => [place, kind])).toEqual(bad.map(({ place }) => [place, 'refused']));
    expect(JSON.parse(asked.answers[0]?.payload ?? '')).toMatchObject({ code: 'REFUSED' });
    expect(JSON.parse(asked.answers[0]?.payload ?? '').message).toContain('bad schema');
    expect(await open(mine.play_sid)).toEqual(['good']);
    // The same in a pause: its branch continues, the others wait.
    expect(await registry.pause(mine, 2, bad)).toMatchObject({ result: 'answered', answers: asked.answers });
    expect(await registry.pause(mine, 3, [])).toMatchObject({ result: 'suspended' });
  });
});

describe('a question that is withdrawn', () => {
  test('is no longer open, accepts no answer, and can be asked again', async () => {
    const mine = await registry.running();
    const [id = ''] = (await registry.ask(mine, 1, [question('color'), timer('limit', 40)])).resume_ids;
    await registry.ask(mine, 2, [], { withdrawn: [of('color'), of('limit')] });
    expect(await open(mine.play_sid)).toEqual([]);
    expect((await registry.play(mine.play_sid)).waits).toEqual([]);
    const byId = registry.bus.ask(playResume, { play_sid: mine.play_sid, resume_id: id, payload: 'red' });
    expect(await codeOf(byId)).toBe('INVALID_STATE');
    expect(await answer(mine.play_sid, 'color', 'blue')).toMatchObject({ kept: true });
    expect((await registry.ask(mine, 3, [])).answers).toEqual([]);
    expect((await registry.ask(mine, 4, [question('color')])).answers).toMatchObject([{ payload: '"blue"' }]);
  });

  test('a pause withdraws the questions of earlier attempts that this attempt did not ask again', async () => {
    const mine = await registry.running();
    await registry.ask(mine, 1, [question('old'), question('new')]);
    const again = await next(mine);
    await registry.pause(again, 1, [question('new')]);
    expect(await open(mine.play_sid)).toEqual(['new']);
  });

  test('a suspension for a replay withdraws nothing', async () => {
    const mine = await registry.running();
    await registry.ask(mine, 1, [question('old')]);
    const again = await next(mine);
    await registry.pause(again, 1, [], { replay: true });
    expect(await open(mine.play_sid)).toEqual(['old']);
  });
});

test('a link answers the question that names it, at any place', async () => {
  const mine = await registry.running();
  const link = 'a'.repeat(32);
  const { token } = await registry.bus.ask(playHook, { play_sid: mine.play_sid, resume_id: link });
  await registry.ask(mine, 1, [question('paid', { links: [link] }), question('other')]);
  await registry.bus.ask(hookResume, { token, payload: 'yes' });
  expect((await registry.ask(mine, 2, [])).answers).toMatchObject([{ place: of('paid'), payload: '"yes"' }]);
  // The same if the answer arrives first.
  const early = 'b'.repeat(32);
  const { token: other } = await registry.bus.ask(playHook, { play_sid: mine.play_sid, resume_id: early });
  await registry.bus.ask(hookResume, { token: other, payload: 'early' });
  const asked = await registry.ask(mine, 3, [question('shipped', { links: [early] })]);
  expect(asked.answers).toMatchObject([{ place: of('shipped'), payload: '"early"' }]);
  expect(await codeOf(registry.bus.ask(hookResume, { token: other, payload: 'again' }))).toBe('ALREADY_RESUMED');
});

describe('a link that was made in a finished call', () => {
  const linked = async (mine: Claim, name: string, id: string, parent_place: string): Promise<string> => {
    const { play_sid } = mine;
    return (await registry.bus.ask(playHook, { play_sid, resume_id: id, name, parent_place })).token;
  };
  const post = (token: string, payload: string) => registry.bus.ask(hookResume, { token, payload });

  test('is for the next question of its name, also if it is answered before that is asked', async () => {
    const mine = await registry.running();
    const [early, late] = [
      await linked(mine, 'paid', 'c'.repeat(32), 'helper'),
      await linked(mine, 'shipped', 'd'.repeat(32), 'helper'),
    ];
    await registry.commit(mine, 1, [step('helper')]);
    expect(await post(early, 'kept')).toMatchObject({ kept: true });
    const again = await next(mine);
    const asked = await registry.ask(again, 1, [question('paid'), question('shipped')]);
    expect(asked.answers).toMatchObject([{ place: of('paid'), payload: '"kept"' }]);
    expect(await post(late, 'at once')).toMatchObject({ kept: false });
    expect((await registry.ask(again, 2, [])).answers).toMatchObject([{ place: of('shipped'), payload: '"at once"' }]);
    for (const token of [early, late]) expect(await codeOf(post(token, 'again'))).toBe('ALREADY_RESUMED');
  });

  test('is for one question, and not for a question with a link of its own', async () => {
    const mine = await registry.running();
    const ownId = resumeIdOf(mine.play_sid, 'own');
    const [first, second] = [
      await linked(mine, 'paid', 'e'.repeat(32), 'helper'),
      await linked(mine, 'paid', ownId, ''),
    ];
    await registry.commit(mine, 1, [step('helper')]);
    const own = question('paid', { place: 'own' });
    expect((await registry.ask(mine, 2, [own])).answers).toEqual([]);
    await registry.ask(mine, 3, [question('paid')]);
    await registry.ask(mine, 4, [question('paid', { place: 'third' })]);
    await post(first, 'first');
    await post(second, 'second');
    expect((await registry.ask(mine, 5, [])).answers).toMatchObject([
      { place: of('paid'), payload: '"first"' },
      { place: 'own', payload: '"second"' },
    ]);
    expect(await open(mine.play_sid)).toEqual(['paid']);
  });

  test('is not bound while that call may still ask its own question', async () => {
    const mine = await registry.running();
    const token = await linked(mine, 'paid', '9'.repeat(32), 'helper');
    await registry.ask(mine, 1, [question('paid')]);
    expect(await post(token, 'mine')).toMatchObject({ kept: true });
    expect((await registry.ask(mine, 2, [])).answers).toEqual([]);
  });
});

test('answers that do not fit into one reply are in the next', async () => {
  const mine = await registry.running();
  const large = 'x'.repeat(9 * 1024 * 1024);
  await registry.ask(mine, 1, [question('one'), question('two')]);
  await answer(mine.play_sid, 'one', large);
  await answer(mine.play_sid, 'two', large);
  const first = await registry.ask(mine, 2, []);
  expect([first.answers.length, first.more]).toEqual([1, true]);
  const second = await registry.ask(mine, 3, []);
  expect([second.answers.length, second.more]).toEqual([1, false]);
}, 60_000);

test('of concurrent answer, timeout, withdrawal and cancel exactly one wins', async () => {
  const seen = new Set<string>();
  const race = async (n: number): Promise<void> => {
    const mine = await registry.running();
    const { play_sid } = mine;
    await registry.ask(mine, 1, [question('color', { timeout_ms: 1 + (n % 20), default: '"late"' })]);
    await delay(n % 25); // around the time of the timeout, so that they race
    const [code, asked] = await Promise.all([
      answer(play_sid, 'color', 'red').then(
        ({ kept }) => (kept ? 'kept' : 'answered'),
        (error: { code: string }) => error.code,
      ),
      registry.ask(mine, 2, [], n % 2 === 0 ? { withdrawn: [of('color')] } : {}),
      n % 3 === 0 ? registry.bus.ask(playCancel, { play_sid, reason: 'race' }) : undefined,
    ]);
    const after = await registry.ask(mine, 3, []);
    const handed = [...asked.answers, ...after.answers];
    expect(handed.length).toBeLessThan(2);
    const [row] = await registry.sql<{ payload: string | null; resumed_by: string | null; withdrawn: boolean }>(
      'SELECT payload, resumed_by, withdrawn FROM resumes WHERE play_sid = $1',
      play_sid,
    );
    if (handed[0]) expect(JSON.parse(handed[0].payload)).toBe(row?.payload);
    if (code === 'answered') expect(row?.resumed_by).toBe('interactive');
    if (row?.resumed_by === 'timeout') expect(['ALREADY_RESUMED', 'INVALID_STATE']).toContain(code);
    if (code === 'kept') expect(row?.withdrawn).toBe(true);
    seen.add(row?.resumed_by ?? 'nobody');
  };
  for (let n = 0; n < RACES; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => race(n + i)));
  expect([...seen].sort()).toEqual(expect.arrayContaining(['interactive', 'timeout']));
}, 120_000);
