import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { HeroError } from '@hero/contracts';
import { until } from '@hero/testing';
import type { FakePlay } from './fake-registry.js';
import { alive, openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;
beforeEach(async () => {
  setup = await openExecutors();
});
afterEach(async () => await setup[Symbol.asyncDispose]());

const WAITS = `
@flow
def main():
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
    print("up", flush=True)
    time.sleep(1000)
`;
const WORKS = `
@flow
def step(n):
    time.sleep(0.05)
    return n
@flow
def main():
    print("up", flush=True)
    return [step(n) for n in range(20)]
`;

async function running(source: string): Promise<FakePlay> {
  const play = await setup.registry.start(source);
  await until(async () => setup.registry.texts(play).includes('up'));
  return play;
}

const allGone = (pids: number[], within: number): Promise<true> =>
  until(async () => (pids.some(alive) ? undefined : true), { within, what: `the end of ${pids.filter(alive).join()}` });

describe('when the executor', () => {
  test('is killed, nothing of its plays stays behind', async () => {
    const executor = await setup.executor();
    await running(WAITS);
    const family = executor.family();
    expect(family.length).toBeGreaterThan(4);
    executor.child.kill('SIGKILL');
    await allGone(family, 8_000);
  });

  test('is stopped, its plays are gone with its lease; continued, it commits nothing and works again', async () => {
    const executor = await setup.executor();
    const play = await running(WAITS);
    const [, , ...tree] = executor.family();
    executor.child.kill('SIGSTOP');
    const servers = executor.family().slice(0, 2);
    await allGone(
      tree.filter((pid) => !servers.includes(pid)),
      10_000,
    );
    play.epoch++;
    executor.child.kill('SIGCONT');
    const next = await setup.registry.start('@flow\ndef main():\n    return 1\n');
    await setup.registry.is(next, 'success');
    expect(play.exits).toEqual([]);
    expect(play.released).toBe(0);
  });

  test('drains: what ends in time ends, the rest is given back uncounted, nothing new is taken', async () => {
    const executor = await setup.executor({ HERO_DRAIN_MS: '2000' });
    const stuck = await running(WAITS);
    const short = await running(WORKS);
    const family = executor.family();
    executor.child.kill('SIGTERM');
    await until(async () => setup.registry.lastLease?.draining);
    const late = await setup.registry.start('@flow\ndef main():\n    return 1\n');
    expect(await executor.exited).toBe(0);
    expect(short.status).toBe('success');
    expect([stuck.status, stuck.released, stuck.exits]).toEqual(['pending', 1, []]);
    expect(late.claims).toBe(0);
    await allGone(family, 8_000);
  });
});

describe('when the registry does not answer', () => {
  test('a short while, plays wait and go on', async () => {
    await setup.executor();
    const play = await running(WORKS);
    setup.registry.down = true;
    await until(async () => setup.registry.commitRequests > play.groupNo + 3);
    setup.registry.down = false;
    await setup.registry.is(play, 'success');
    expect(play.steps).toHaveLength(20);
  });

  test('for longer than the lease, plays are ended, and given back when it is there again', async () => {
    const executor = await setup.executor();
    const play = await running(WAITS);
    const before = executor.family().length;
    setup.registry.down = true;
    await until(async () => executor.family().length < before - 2, { within: 8_000 });
    setup.registry.down = false;
    await until(async () => play.released === 1);
    expect(play.exits).toEqual([]);
  });

  test('for longer than the lease, a source is read or may be sent again: it is not to blame', async () => {
    const executor = await setup.executor();
    const play = await running(WAITS);
    const before = executor.family().length;
    const source = `from hero_tracing import flow\n@flow\ndef main(): pass\n${'x = [1, 2, 3]\n'.repeat(20_000)}`;
    const heard = new Set<string>();
    const read = async (): Promise<boolean> => {
      const said = await setup.registry.inspect(source).then(
        ({ issues }) => (issues.length === 0 ? 'read' : String(issues[0]?.message)),
        (error: HeroError) => error.code,
      );
      heard.add(said);
      return said === 'read';
    };
    const readOn = async (): Promise<void> => {
      while (play.released === 0) await read();
    };
    setup.registry.down = true;
    const readers = Promise.all([1, 2, 3, 4].map(readOn));
    await until(async () => executor.family().length < before - 2 && heard.has('UNAVAILABLE'), { within: 15_000 });
    setup.registry.down = false;
    await readers;
    await until(read, { within: 30_000 });
    expect([...heard].sort()).toEqual(['UNAVAILABLE', 'read']);
  }, 60_000);
});

test.each([false, true])(
  'when NATS is killed and comes back (its streams deleted: %s), plays go on',
  async (deleted) => {
    await setup.executor();
    const play = await running(WORKS);
    await setup.nats.kill();
    if (deleted) {
      const state = join(setup.nats.folder, 'state');
      const folders = (await readdir(state, { recursive: true })).filter((path) => path.endsWith('/jetstream'));
      expect(folders).toHaveLength(1);
      await rm(join(state, folders[0] ?? ''), { recursive: true });
    }
    await setup.nats.restart();
    await setup.registry.is(play, 'success', 20_000);
    expect(play.steps).toHaveLength(20);
    const commits = () => play.events.filter(({ type }) => type === 'step_committed').length;
    if (!deleted) await until(async () => commits() === 20, { within: 15_000, what: 'all events' });
  },
);

test('when the fork server dies, its plays are given back and another one is started', async () => {
  const executor = await setup.executor();
  const play = await running(WAITS);
  process.kill(executor.family()[0] ?? 0, 'SIGKILL');
  await until(async () => play.released === 1);
  const next = await setup.registry.start('@flow\ndef main():\n    return 1\n');
  await setup.registry.is(next, 'success');
});

test('a fork server is replaced after so many plays, and what runs in the old one goes on', async () => {
  await setup.executor({ HERO_RECYCLE: '3' });
  const long = await running(`
@flow
def main():
    print("up", flush=True)
    while not os.path.exists("/proc/self/none") and time.sleep(1.5) is None:
        return 1
`);
  for (let n = 0; n < 8; n++) {
    await setup.registry.is(await setup.registry.start('@flow\ndef main():\n    return 1\n'), 'success');
  }
  await setup.registry.is(long, 'success');
});

test('with always-replay a play is suspended and replayed after each commit', async () => {
  await setup.executor({ HERO_ALWAYS_REPLAY: '1' });
  const play = await setup.registry.start(`
@flow
def step(n):
    return n
@flow
def main():
    return [step(n) for n in range(3)]
`);
  for (let replay = 0; replay < 3; replay++) {
    await setup.registry.is(play, 'awaiting_resume');
    await setup.registry.wake(play);
  }
  await setup.registry.is(play, 'success');
  expect(play.steps).toHaveLength(3);
});

const UNPRIVILEGED = { uid: 64_333, python: '/usr/bin/python3' };
const isRoot = process.getuid?.() === 0;
/** Root becomes somebody else for this; whoever that is must be able to read the checkout and to run a Python. */
const possible = !isRoot || readableBy(UNPRIVILEGED.uid, [UNPRIVILEGED.python, import.meta.filename]);

(possible ? test : test.skip)('an executor of an unprivileged user isolates its plays as well', async () => {
  const home = isRoot ? `/tmp/hero-unprivileged-${process.pid}` : setup.home;
  const executor = await setup.executor({ HERO_HOME: home }, isRoot ? UNPRIVILEGED : undefined);
  const play = await setup.registry.start(`
@flow
def main():
    return [os.getuid(), os.path.exists("${home}/var/executors"), os.path.exists("/etc/shadow")]
`);
  await setup.registry.is(play, 'success');
  expect(play.output).toEqual([isRoot ? UNPRIVILEGED.uid : process.getuid?.(), false, false]);
  const started = await until(async () => play.events.find(({ type }) => type === 'attempt_started'));
  expect(started.sandbox).toMatchObject({ level: 'default' });
  executor.child.kill('SIGTERM');
  await executor.exited;
  if (isRoot) await rm(home, { recursive: true, force: true });
});

(isRoot ? test : test.skip)('HERO_HOME may lie where only root can go', async () => {
  const home = await mkdtemp('/root/hero-test-');
  try {
    const executor = await setup.executor({ HERO_HOME: home });
    const play = await setup.registry.start(`
@flow
def main():
    open("file", "w").write("x")
    return [os.getuid(), os.getcwd()]
`);
    await setup.registry.is(play, 'success');
    expect(play.output).toEqual([64_210, `${home}/var/plays/${play.sid}/work`]);
    executor.child.kill('SIGTERM');
    await executor.exited;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

function readableBy(uid: number, files: string[]): boolean {
  const as = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return files.every((file) => spawnSync('setpriv', [...as, 'test', '-r', file]).status === 0);
}
