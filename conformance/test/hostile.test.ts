/** Hostile flows beside good ones: each gets its specified status and error, and the others continue. */
import { HeroClient, type shapes, unixTransport } from '@hero/openrpc';
import { Street } from '../src/street.js';

let street: Street;
let hero: HeroClient;
beforeAll(async () => {
  street = await Street.start({ executors: 1, slots: 8 });
  hero = new HeroClient(unixTransport(street.rpcSocket));
}, 60_000);
afterAll(async () => {
  hero?.close();
  await street?.[Symbol.asyncDispose]();
}, 60_000);

let saved = 0;
const flowOf = (body: string): string => `
import os, signal, sys, json
from hero_tracing import flow

@flow(name="step_with")
def step_with(value):
    return value

@flow(name="hostile")
def main():
${body
  .trim()
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
`;
async function play(body: string): Promise<shapes.Play> {
  const { sid } = await hero.workflow_create({ name: `hostile ${++saved}`, python_source: flowOf(body) });
  const { sid: play_sid } = await hero.play_start({ workflow_sid: sid });
  return hero.play_wait({ play_sid, timeout_ms: 25_000 });
}

afterEach(async () => {
  // A good play on the same executor continues.
  expect(await play('return step_with(1)')).toMatchObject({ status: 'success', output_data: 1 });
});

describe('a process that ends by itself', () => {
  it.each([
    ['exits with 1', 'os._exit(1)', 'ExitCode'],
    ['exits with 0 early', 'os._exit(0)', 'ExitedEarly'],
    ['exits with 75 without a pause', 'os._exit(75)', 'PausedWithoutQuestion'],
    ['is killed by a signal', 'os.kill(os.getpid(), signal.SIGKILL)', 'KilledBySignal'],
  ])('%s', async (_, body, type) => {
    expect(await play(body)).toMatchObject({ status: 'failed', attempt: 1, error: { type } });
  });
});

describe('values that are not JSON', () => {
  it.each([
    ['a set in a list', '[1, {2}]', '[1]'],
    ['NaN under a key', '{"a": float("nan")}', 'a'],
    ['an integer beyond 2^53', '{"a": [2**53]}', 'a[0]'],
    ['a key that is not a string', '{1: 2}', '1'],
  ])('fail the step with the path: %s', async (_, value, path) => {
    const ended = await play(`@flow(name="bad")\ndef bad():\n    return ${value}\nreturn bad()`);
    expect(ended.status).toBe('failed');
    expect(ended.error?.message).toContain(path);
  });
});

describe('floods and poison', () => {
  it('cuts 5 MiB of output in one line and continues', async () => {
    const ended = await play('print("x" * 5 * 1024 * 1024)\nreturn step_with(2)');
    expect(ended).toMatchObject({ status: 'success', output_data: 2 });
    const { items } = await hero.play_events({ play_sid: ended.sid });
    const logs = items.filter((e) => e.type === 'log');
    expect(Math.max(...logs.map((e) => e.text.length))).toBeLessThanOrEqual(64 * 1024 + 200);
  });

  it('stores tags with NUL, a lone surrogate, NaN and depth 10,000 after repair', async () => {
    const ended = await play(`
deep = []
for _ in range(10000):
    deep = [deep]
flow.current_span.tag("nul", "a\\x00b")
flow.current_span.tag("lone", "\\ud800")
flow.current_span.tag("nan", float("nan"))
flow.current_span.tag("big", 2**60)
flow.current_span.tag("deep", deep)
return step_with(3)`);
    expect(ended).toMatchObject({ status: 'success' });
    const { spans } = await hero.play_spans({ play_sid: ended.sid });
    const root = spans.find((s) => s.kind === 'flow_root');
    expect(Object.keys(root?.tags ?? {}).sort()).toEqual(['big', 'deep', 'lone', 'nan', 'nul']);
  });
});

describe('a play that writes to its connections directly', () => {
  const onControl = (code: string): string => `
import socket
for fd in range(3, 64):
    try:
        own = socket.socket(fileno=os.dup(fd))
        if own.family == socket.AF_UNIX:
            ${code}
    except OSError:
        pass
import time
time.sleep(20)`;

  it('is ended by garbage with an error that says so', async () => {
    expect(await play(onControl('own.send(b"garbage\\n")'))).toMatchObject({
      status: 'failed',
      error: { type: 'ProtocolError' },
    });
  });

  it('cannot write to another play', async () => {
    const victim = await hero.workflow_create({
      name: `victim ${++saved}`,
      python_source: flowOf('flow.pause("wait")\nreturn 4'),
    });
    const { sid: victim_sid } = await hero.play_start({ workflow_sid: victim.sid });
    const forged = JSON.stringify({
      t: 'end',
      id: 1,
      play_sid: victim_sid,
      status: 'success',
      output: '666',
      emitted: 0,
    });
    const ended = await play(onControl(`own.send(${JSON.stringify(`${forged}\n`)}.encode())`));
    expect(ended.status).toBe('failed');
    await hero.play_resume({ play_sid: victim_sid, name: 'wait', payload: null });
    expect(await hero.play_wait({ play_sid: victim_sid, timeout_ms: 20_000 })).toMatchObject({
      status: 'success',
      output_data: 4,
    });
  });
});

describe('invalid input', () => {
  it('of play_start gets an error with all faults', async () => {
    const wrong = {
      workflow_sid: 5,
      input_data: [],
      name: '',
      version_sid: 7,
      prefill_resumes: 'x',
      idempotency_key: '',
      timeout_ms: 0,
      nonsense: 1,
    };
    const failure = await hero.call('play_start', wrong).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'INVALID_PARAMS' });
    const paths = (failure as { issues: { path: string; message: string }[] }).issues
      .map((i) => `${i.path} ${i.message}`)
      .join('\n');
    for (const field of [
      'workflow_sid',
      'input_data',
      'name',
      'version_sid',
      'prefill_resumes',
      'idempotency_key',
      'timeout_ms',
      'nonsense',
    ]) {
      expect(paths).toContain(field);
    }
  });

  it('of a flow gets an error with all faults, each with its field', async () => {
    const workflow = await hero.workflow_create({
      name: `typed ${++saved}`,
      python_source: `
from hero_tracing import flow

@flow(name="typed", inputs={"n": {"type": "integer", "required": True}, "s": {"type": "string", "required": True}, "c": {"type": "string", "enum": ["a", "b"]}})
def main(n, s, c="a"):
    return n
`,
    });
    const failure = await hero
      .play_start({ workflow_sid: workflow.sid, input_data: { n: 1.5, c: 'z', typo: 1 } })
      .catch((error: unknown) => error);
    expect((failure as { issues: { path: string }[] }).issues.map((i) => i.path).sort()).toEqual([
      'input_data.c',
      'input_data.n',
      'input_data.s',
      'input_data.typo',
    ]);
  });

  it('with a syntax error gets its line and column, and nothing is saved', async () => {
    const failure = await hero
      .workflow_create({ name: 'broken', python_source: 'from hero_tracing import flow\ndef main(:\n' })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SOURCE_INVALID', issues: [{ path: expect.stringMatching(/:2:\d+$/) }] });
    await expect(hero.workflow_get({ name: 'broken' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
