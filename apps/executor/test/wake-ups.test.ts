/** What lies in the work stream and is no wake-up leaves it, so that it holds nothing back. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WORK_STREAM, WORK_SUBJECT } from '@hero/contracts';
import { until } from '@hero/testing';
import { openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;
beforeEach(async () => {
  setup = await openExecutors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const held = async (): Promise<number> => (await setup.registry.bus.jsm.streams.info(WORK_STREAM)).state.messages;

test('work that cannot be read is removed and logged, and a play that comes after it runs', async () => {
  const { js } = setup.registry.bus;
  const broken = [
    'not JSON',
    '{}',
    '[]',
    '',
    '{"play_sid":"a b","run_seq":1}',
    `{"play_sid":"${'a'.repeat(5_000)}","run_seq":1}`,
  ];
  for (const text of broken) await js.publish(WORK_SUBJECT, text);
  const executor = await setup.executor({ HERO_SLOTS: '1' });
  const play = await setup.registry.start('@flow\ndef main():\n    return 1\n');
  await setup.registry.is(play, 'success');
  await until(async () => (await held()) === 0, { what: 'an empty work stream' });
  const told = executor.log
    .join('')
    .split('\n')
    .filter((line) => line.includes('cannot be read'));
  expect(told).toHaveLength(broken.length);
});
