/** What a fork server must be before it has a play. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { silent } from '@hero/bus';
import { AsyncDisposableStack, tempFolder, until } from '@hero/testing';
import { causeOf, reasonOf } from '../src/endings.js';
import { type Foundation, ForkServers, type ForkServersOptions, WeakerSandbox } from '../src/fork-servers.js';
import { openLanes } from '../src/lanes.js';
import { NoSlot } from '../src/packages/preparation.js';
import { resolvePython } from '../src/python.js';
import { forkServersOf } from './test-executors.js';

const stack = new AsyncDisposableStack();
let options: ForkServersOptions;

beforeAll(async () => {
  const { path } = stack.use(await tempFolder());
  const [plays, clients] = [join(path, 'plays'), join(path, 'clients')];
  for (const folder of [plays, clients]) await mkdir(folder);
  const lanes = await openLanes(join(path, 'lanes'), silent);
  stack.defer(() => lanes.close());
  options = {
    python: { ...(await resolvePython('python3')), clients },
    settings: {
      socket: lanes.path,
      plays,
      shown_plays: plays,
      sandbox: 'off',
      egress: 'host',
      proxy: null,
      mounts: [],
      preload: [],
      packages: null,
    },
    recycleAfter: 1_000,
    foundation: null,
  };
});
afterAll(async () => await stack[Symbol.asyncDispose]());

const onlyThese = (pids: number[]): Promise<true> =>
  until(async () => (String(forkServersOf(process.pid)) === String(pids) ? true : undefined));

test('one that started while the egress proxy was replaced is started again: it holds the socket of the dead one', async () => {
  const generations = [1, 2, 2];
  let asked = 0;
  const foundation: Foundation = {
    ready: async () => void asked++,
    get generation() {
      return generations.shift() ?? 2;
    },
  };
  const forks = await ForkServers.open({ ...options, foundation }, silent);
  expect([asked, forks.pids.length, forks.healthy]).toEqual([2, 1, true]);
  await onlyThese(forks.pids);
  await forks.close();
});

test('one that comes up below the level of the executor’s first one is refused, and ended', async () => {
  const weaker = ForkServers.open({ ...options, least: 'default' }, silent);
  await expect(weaker).rejects.toThrow(WeakerSandbox);
  await expect(weaker).rejects.toThrow(/came up at sandbox level off, below the executor's default/);
  await onlyThese([]);
});

test('one that died and cannot be replaced is given up, and the play that waits for it is given back', async () => {
  const python = { ...options.python };
  const forks = await ForkServers.open({ ...options, python }, silent);
  const givenUp = new Promise<void>((resolve) => {
    forks.onGivenUp = resolve;
  });
  python.executable = '/bin/false';
  forks.abandon();
  await until(async () => !forks.healthy);
  const order = { sid: 'p', kind: 'play' as const, token: 't', workdir: options.settings.plays, limits: {} };
  const started = await forks.fork(order, AbortSignal.timeout(20_000));
  await givenUp;
  const ending = await started.ended;
  expect([ending, causeOf(ending, 'running')]).toEqual([{ t: 'lost' }, 'release']);
  await forks.close();
});

test('a play for which this executor has no slot, or no sandbox, is given back; another fault counts', () => {
  const told = (error: Error) => causeOf({ t: 'lost' }, 'running', { reason: reasonOf(error), message: error.message });
  expect([told(new NoSlot()), told(new WeakerSandbox())]).toEqual(['release', 'release']);
  expect(told(new Error('broken'))).toMatchObject({ kind: 'not_started', message: 'broken' });
});
