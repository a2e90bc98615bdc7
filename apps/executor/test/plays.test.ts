import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@hero/testing';
import { type ExecutorProcess, openExecutors, type TestExecutors } from './test-executors.js';

let setup: TestExecutors;
let executor: ExecutorProcess;

beforeAll(async () => {
  setup = await openExecutors();
  executor = await setup.executor({ HERO_SLOTS: '16' });
});
afterAll(async () => await setup[Symbol.asyncDispose]());

const PROXIES = ['ALL_PROXY', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];
const nothingLeft = () => setup.nothingLeft();

describe('a play', () => {
  test('ends: steps are committed before they return, its events are in order, its folder is gone', async () => {
    const play = await setup.registry.start(
      `
@flow
def add(a, b):
    return a + b
@flow
def main(n):
    print("hello")
    os.write(1, b"raw\\n")
    open("file", "w").write("x")
    return {"sum": add(add(n, 1), 2), "cwd": os.getcwd(), "env": sorted(os.environ)}
`,
      { input: { n: 39 } },
    );
    await setup.registry.is(play, 'success');
    expect(play.output).toEqual({
      sum: 42,
      cwd: `${setup.home}/var/plays/${play.sid}/work`,
      env: [...PROXIES, 'HOME', 'LANG', 'PATH', 'PYTHONDONTWRITEBYTECODE', 'PYTHONHASHSEED', 'PYTHONUTF8', 'TMPDIR']
        .concat(PROXIES.map((name) => name.toLowerCase()))
        .sort(),
    });
    expect(play.steps.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['add', '40'],
      ['add', '42'],
    ]);
    await until(async () => play.events.filter(({ type }) => type === 'step_committed').length === 2);
    expect(play.events[0]?.type).toBe('attempt_started');
    await until(async () => setup.registry.texts(play).includes('raw'));
    expect(setup.registry.texts(play)).toContain('hello');
    expect(play.batches).toEqual(play.batches.map((_, index) => `x1:${index + 1}`));
    await nothingLeft();
  });

  test('pauses by leaving with 75, and is replayed from its memory with the answer', async () => {
    const play = await setup.registry.start(`
@flow
def step(n):
    return n + 1
@flow
def main():
    first = step(1)
    name = ask_user.text("Name?", name="name")
    return f"{name} {first}"
`);
    await setup.registry.is(play, 'awaiting_resume');
    expect(play.exits).toEqual([{ kind: 'exited', code: 75, signal: null, message: '' }]);
    expect(play.questions.map(({ name }) => name)).toEqual(['name']);
    await until(async () => play.events.some(({ type }) => type === 'paused'));
    await nothingLeft();
    const [question] = play.questions;
    play.memory.push([question?.place ?? '', 'answer', '"Ada"', '', 'name', 'pause']);
    await setup.registry.wake(play);
    await setup.registry.is(play, 'success');
    expect(play.output).toBe('Ada 2');
    expect(play.steps).toHaveLength(1);
  });

  test('goes on at once where its question is answered already', async () => {
    setup.registry.answers.set('early', 'yes');
    const play = await setup.registry.start(`
@flow
def main():
    return ask_user.text("?", name="early")
`);
    await setup.registry.is(play, 'success');
    expect(play.output).toBe('yes');
  });

  test('gets a large memory in pages', async () => {
    setup.registry.pageItems = 700;
    const memory = (n: number) =>
      setup.registry.start(
        `
@flow
def step(n):
    return n
@flow
def main(n):
    total = sum(step(i) for i in range(n))
    if not os.path.exists("/never"):
        ask_user.text("?", name="late")
    return total
`,
        { input: { n } },
      );
    const play = await memory(2_000);
    await setup.registry.is(play, 'awaiting_resume', 20_000);
    expect(play.memory).toHaveLength(2_000);
    play.memory.push([play.questions[0]?.place ?? '', 'answer', '""', '', 'name', 'pause']);
    await setup.registry.wake(play);
    await setup.registry.is(play, 'success', 20_000);
    expect(play.output).toBe((2_000 * 1_999) / 2);
    expect(play.steps).toHaveLength(2_000);
    setup.registry.pageItems = 100_000;
  });

  test('is claimed once, however often its work is delivered (I8)', async () => {
    const play = await setup.registry.start(`
@flow
def main():
    time.sleep(0.3)
    return os.getpid()
`);
    const { bus } = setup.registry;
    for (let copy = 0; copy < 5; copy++)
      await bus.js.publish('hero.work', JSON.stringify({ play_sid: play.sid, run_seq: 1 }));
    await setup.registry.is(play, 'success');
    expect(play.claims).toBe(1);
    await until(async () => (await bus.jsm.streams.info('HERO_WORK')).state.messages === 0);
  });

  test('has its commits repeated after lost replies, each applied once', async () => {
    setup.registry.loseCommitReplies = 3;
    const play = await setup.registry.start(`
@flow
def step(n):
    return n
@flow
def main():
    return [step(n) for n in range(3)]
`);
    await setup.registry.is(play, 'success');
    expect(play.steps.map(({ outcome }) => outcome)).toEqual(['0', '1', '2']);
  });

  test('sends the commits of many plays together', async () => {
    const before = setup.registry.commitRequests;
    const source = `
@flow
def step(n):
    return n
@flow
def main():
    for n in range(50):
        step(n)
`;
    const plays = await Promise.all(Array.from({ length: 8 }, () => setup.registry.start(source)));
    for (const play of plays) await setup.registry.is(play, 'success', 20_000);
    expect(plays.every((play) => play.steps.length === 50)).toBe(true);
    expect(setup.registry.commitRequests - before).toBeLessThan(400);
  });

  test('carries outcomes of 10 MiB, and refuses at the step what is larger than a frame', async () => {
    const play = await setup.registry.start(`
@flow
def big(mib):
    return "x" * (mib << 20)
@flow
def main():
    first = len(big(10))
    try:
        big(17)
    except Exception as error:
        return [first, type(error).__name__]
`);
    await setup.registry.is(play, 'success', 20_000);
    expect(play.output).toEqual([10 << 20, expect.any(String)]);
    expect(play.steps.map(({ kind }) => kind)).toEqual(['value', 'error']);
  });

  test('gets the error of an outcome that cannot be stored at that step', async () => {
    const play = await setup.registry.start(`
@flow
def bad():
    return "refuse me"
@flow
def main():
    try:
        bad()
    except Exception as error:
        return str(error)
`);
    await setup.registry.is(play, 'success');
    expect(play.output).toContain('cannot be stored');
  });
});

describe('a process that ends by itself', () => {
  const cases: [string, string, object][] = [
    ['exits 0 early', 'os._exit(0)', { kind: 'exited', code: 0 }],
    ['exits 1', 'os._exit(1)', { kind: 'exited', code: 1 }],
    ['exits by SystemExit', 'sys.exit(3)', { kind: 'exited', code: 3 }],
    ['exits 75 without a pause', 'os._exit(75)', { kind: 'exited', code: 75 }],
    ['is killed by a signal', 'os.kill(os.getpid(), 9)', { kind: 'signalled', signal: 'SIGKILL' }],
    ['ends by SIGSEGV', 'import ctypes; ctypes.string_at(0)', { kind: 'signalled', signal: 'SIGSEGV' }],
  ];
  test.each(cases)('%s: the registry is told how', async (_, code, cause) => {
    const play = await setup.registry.start(`
@flow
def main():
    ${code}
`);
    await setup.registry.is(play, 'failed');
    expect(play.exits).toEqual([expect.objectContaining(cause)]);
    expect(play.error).toBeUndefined();
  });

  test('by its time limit', async () => {
    const play = await setup.registry.start('@flow\ndef main():\n    time.sleep(60)\n', { remainingMs: 300 });
    await setup.registry.is(play, 'timed_out');
    await nothingLeft();
  });
});

describe('a play that is no longer ours', () => {
  test('is killed by the notice, also in an endless loop, with all that it daemonised', async () => {
    const before = executor.family();
    const play = await setup.registry.start(`
@flow
def main():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    print("looping", flush=True)
    while True:
        pass
`);
    await until(async () => setup.registry.texts(play).includes('looping'));
    expect(executor.family().length).toBeGreaterThan(before.length);
    play.status = 'cancelled';
    setup.registry.takeAway(play);
    await nothingLeft();
    expect(play.exits).toEqual([]);
    expect(play.released).toBe(0);
  });

  test('is killed by the answer of the lease', async () => {
    const play = await setup.registry.start('@flow\ndef main():\n    print("up", flush=True)\n    time.sleep(60)\n');
    await until(async () => setup.registry.texts(play).includes('up'));
    setup.registry.gone = [{ play_sid: play.sid, epoch: play.epoch }];
    play.status = 'cancelled';
    await nothingLeft();
    setup.registry.gone = [];
  });

  test('is killed without a reply when a commit of it is fenced', async () => {
    const play = await setup.registry.start(`
@flow
def step():
    time.sleep(0.5)
    return 1
@flow
def main():
    print("up", flush=True)
    try:
        step()
    finally:
        print("went on")
`);
    await until(async () => setup.registry.texts(play).includes('up'));
    play.epoch++;
    await nothingLeft();
    expect(play.steps).toEqual([]);
    expect(setup.registry.texts(play)).not.toContain('went on');
  });
});

test('a workdir that resists is removed: mode 000, links to the outside, 5,000 nested folders', async () => {
  const play = await setup.registry.start(`
@flow
def main():
    os.symlink("/usr", "link")
    os.mkdir("shut"); open("shut/file", "w").close(); os.chmod("shut", 0)
    for _ in range(5000):
        os.mkdir("d"); os.chdir("d")
    return 1
`);
  await setup.registry.is(play, 'success', 20_000);
  await nothingLeft();
});

test('a source is parsed in a process of its own; what breaks the parser is an issue', async () => {
  const good = await setup.registry.inspect(
    'from hero_tracing import flow\n@flow\ndef main(a: int = 1):\n    return a\n',
  );
  expect(good).toMatchObject({ entry: 'main', issues: [] });
  const deep = await setup.registry.inspect(`x = ${'('.repeat(100_000)}${')'.repeat(100_000)}`);
  expect(deep.issues[0]?.severity).toBe('error');
});

test('a commit that fails in the registry for its content is refused in the end, and its play ends with the reason', async () => {
  const play = await setup.registry.start(`
@flow
def bad():
    return "break the registry"
@flow
def main():
    return bad()
`);
  const beside = await setup.registry.start(`
@flow
def good(n):
    return n
@flow
def main():
    return [good(n) for n in range(50)]
`);
  await setup.registry.is(beside, 'success');
  await setup.registry.is(play, 'failed', 20_000);
  expect(play.error?.message).toContain('went wrong');
});
