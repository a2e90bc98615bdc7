/** Processes that wait for a play: how many there are, what ends them, and that no play notices. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { until } from '@hero/testing';
import { type ExecutorProcess, openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;
beforeEach(async () => {
  setup = await openExecutors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const SOURCE = `
@flow
def main():
    return [os.getcwd(), os.getpid(), os.listdir("."), [name for name in os.listdir("/tmp") if not name.startswith("hero-")]]
`;
/** The process outside of the jail, and the fork server. */
const SERVER = 2;
/** Init and the armed process. */
const SLOT = 2;

async function folders(): Promise<string[]> {
  const names = await readdir(join(setup.home, 'var', 'plays', setup.registry.lastLease?.instance ?? ''));
  return names.filter((name) => name.startsWith('armed.')).sort();
}

/** Inits whose process has ended may wait beside them, except where everything was killed. */
function armed(executor: ExecutorProcess, count: number): Promise<boolean> {
  const all = async (): Promise<boolean> => {
    const { length } = executor.family();
    const enough = count === 0 ? length === SERVER : length >= SERVER + SLOT * count;
    return enough && (await folders()).length === count;
  };
  return until(all, { within: 20_000, what: `${count} armed processes` });
}

async function play(): Promise<void> {
  const started = await setup.registry.start(SOURCE);
  await setup.registry.is(started, 'success');
  expect(started.output).toEqual([`${setup.home}/var/plays/${started.sid}/work`, 2, [], []]);
  expect(started.exits).toEqual([]);
}

test('as many as slots are armed before a play needs one; what a play takes is replaced', async () => {
  const executor = await setup.executor({ HERO_SLOTS: '3' });
  await armed(executor, 3);
  const before = await folders();
  for (let n = 0; n < 4; n++) await play();
  await armed(executor, 3);
  expect((await folders()).filter((name) => before.includes(name)).length).toBeLessThan(3);
});

test('without any, a process is forked for each play', async () => {
  const executor = await setup.executor({ HERO_ARMED: '0' });
  for (let n = 0; n < 3; n++) await play();
  expect(await folders()).toEqual([]);
  // Only inits may be left: one for each play at most, where each play began before the slot of the one before it was free.
  await until(async () => executor.family().length <= SERVER + 3);
});

test('one that is killed was no play, and is replaced', async () => {
  const executor = await setup.executor({ HERO_SLOTS: '1' });
  await armed(executor, 1);
  const [folder] = await folders();
  process.kill(executor.family().at(-1) ?? 0, 'SIGKILL');
  await until(async () => (await folders()).join() !== folder);
  await armed(executor, 1);
  await play();
  expect(executor.log.join('')).toContain('an armed process ended before it was given a play');
});

test('they end with the lease and come back with it', async () => {
  const executor = await setup.executor({ HERO_SLOTS: '2' });
  await armed(executor, 2);
  setup.registry.down = true;
  await armed(executor, 0);
  setup.registry.down = false;
  await armed(executor, 2);
  await play();
});

test('they end with their fork server, when another one takes over and when it dies', async () => {
  const executor = await setup.executor({ HERO_SLOTS: '2', HERO_RECYCLE: '2' });
  for (let n = 0; n < 5; n++) await play();
  await armed(executor, 2);
  process.kill(executor.family()[0] ?? 0, 'SIGKILL');
  await play();
  await armed(executor, 2);
});

test('at level off none is armed', async () => {
  const executor = await setup.executor({ HERO_SANDBOX: 'off' });
  const started = await setup.registry.start('@flow\ndef main():\n    return os.getcwd()\n');
  await setup.registry.is(started, 'success');
  expect(String(started.output)).toContain(`/${started.sid}.1/work`);
  await until(async () => executor.family().length === SERVER);
  expect(await folders()).toEqual([]);
});
