/** No slot is lost, whatever state a play is cancelled in. The slots are those of a real executor with real processes. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { executorNudge } from '@hero/contracts';
import { until } from '@hero/testing';
import type { FakePlay } from './fake-registry.js';
import { openStreet, type Street } from './street.js';

const SLOTS = 4;
const ROUNDS = 20;
const WORKS = '@flow\ndef main():\n    print("up", flush=True)\n    time.sleep(1000)\n';
const LINGERS = '@flow\ndef main():\n    return flow.invoke("child", spawn=True)\n';

let street: Street;
beforeEach(async () => {
  street = await openStreet();
});
afterEach(async () => await street[Symbol.asyncDispose]());

const started = (source: string): Promise<FakePlay[]> =>
  Promise.all(Array.from({ length: SLOTS }, () => street.registry.start(source)));

/** Waits until each of these plays is so far. */
const all = (plays: FakePlay[], so: (play: FakePlay) => boolean, what: string): Promise<true> =>
  until(async () => plays.every(so), { within: 20_000, what: `${SLOTS} plays that ${what}` });

const works = (play: FakePlay): boolean => street.registry.texts(play).includes('up');

function cancel(plays: FakePlay[]): void {
  for (const play of plays) {
    play.status = 'cancelled';
    // An announcement that comes before the reply to the claim finds no play; the next answer to the lease names it again.
    street.registry.gone.push({ play_sid: play.sid, epoch: play.epoch });
    street.registry.nudge(play);
  }
}

function answer(plays: FakePlay[]): void {
  const { registry } = street;
  const answered = plays.map(({ sid, epoch }) => ({ play_sid: sid, epoch }));
  registry.bus.announce(executorNudge(registry.lastLease?.instance ?? ''), { gone: [], answered });
}

test('plays that are cancelled as they are claimed, work, linger or wait for their slot leave every slot free', async () => {
  await street.executor({ HERO_SLOTS: String(SLOTS) });
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
  await street.nothingLeft();
  const last = await started(WORKS);
  await all(last, works, 'work');
  cancel(last);
  await street.nothingLeft();
}, 120_000);
