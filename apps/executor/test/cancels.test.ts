/** No slot is lost, whatever state a play is cancelled in. The slots are those of a real executor with real processes. */
import { afterEach, beforeEach, test } from '@jest/globals';
import { executorNotice } from '@hero/contracts';
import { until } from '@hero/testing';
import type { FakePlay } from './fake-registry.js';
import { openExecutors, type TestExecutors } from './test-executors.js';

const SLOTS = 4;
const ROUNDS = 20;
const WORKS = '@flow\ndef main():\n    print("up", flush=True)\n    time.sleep(1000)\n';
const LINGERS = '@flow\ndef main():\n    return flow.invoke("child", spawn=True)\n';

let setup: TestExecutors;
beforeEach(async () => {
  setup = await openExecutors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const started = (source: string): Promise<FakePlay[]> =>
  Promise.all(Array.from({ length: SLOTS }, () => setup.registry.start(source)));

/** Waits until each of these plays is so far. */
const all = (plays: FakePlay[], so: (play: FakePlay) => boolean, what: string): Promise<true> =>
  until(async () => plays.every(so), { within: 20_000, what: `${SLOTS} plays that ${what}` });

const works = (play: FakePlay): boolean => setup.registry.texts(play).includes('up');

function cancel(plays: FakePlay[]): void {
  for (const play of plays) {
    play.status = 'cancelled';
    // An announcement that comes before the reply to the claim finds no play; the next answer to the lease names it again.
    setup.registry.gone.push({ play_sid: play.sid, epoch: play.epoch });
    setup.registry.takeAway(play);
  }
}

function answer(plays: FakePlay[]): void {
  const { registry } = setup;
  const answered = plays.map(({ sid, epoch }) => ({ play_sid: sid, epoch }));
  registry.bus.announce(executorNotice(registry.lastLease?.instance ?? ''), { gone: [], answered });
}

test('plays that are cancelled as they are claimed, work, linger or wait for their slot leave every slot free', async () => {
  await setup.executor({ HERO_SLOTS: String(SLOTS) });
  for (let round = 0; round < ROUNDS; round++) {
    const claimed = await started(WORKS);
    await all(claimed, ({ status }) => status === 'running', 'are claimed');
    cancel(claimed);
    const lingering = await started(LINGERS);
    await all(lingering, ({ pauses }) => pauses.includes('linger'), 'linger');
    const working = await started(WORKS);
    await all(working, works, 'work');
    const returning = lingering.slice(0, SLOTS / 2);
    answer(returning);
    // Announcements of one subject arrive in order: these plays wait for a slot when they are cancelled.
    cancel(lingering);
    cancel(working);
  }
  await setup.nothingLeft();
  const last = await started(WORKS);
  await all(last, works, 'work');
  cancel(last);
  await setup.nothingLeft();
}, 120_000);

test('a fork server that dies under plays that work, linger or are cancelled leaves every slot free', async () => {
  const executor = await setup.executor({ HERO_SLOTS: String(SLOTS) });
  for (let round = 0; round < 3; round++) {
    const lingering = await started(LINGERS);
    await all(lingering, ({ pauses }) => pauses.includes('linger'), 'linger');
    const working = await started(WORKS);
    await all(working, works, 'work');
    process.kill(executor.family()[0] ?? 0, 'SIGKILL');
    cancel(lingering);
    await all(working, ({ released }) => released === 1, 'are given back');
  }
  await setup.nothingLeft();
  const last = await started(WORKS);
  await all(last, works, 'work');
  cancel(last);
  await setup.nothingLeft();
}, 60_000);
